"""Refusals 600 to 699: data set, model, evaluation (§6)."""

from dataclasses import dataclass

from protocol.errors.base import ProtocolError


@dataclass(eq=False)
class InvalidTensorFile(ProtocolError):
    """Bytes that are no well-formed safetensors file."""

    code = 600
    name = "invalid_tensor_file"
    reason: str

    @property
    def detail(self) -> str:
        return f"The tensor file is refused: {self.reason}."


@dataclass(eq=False)
class InvalidDataSet(ProtocolError):
    """A tensor file that is not the data set its problem describes."""

    code = 601
    name = "invalid_data_set"
    reason: str

    @property
    def detail(self) -> str:
        return f"The data set is refused: {self.reason}."


@dataclass(eq=False)
class WrongModelLength(ProtocolError):
    """A model of another length than its architecture asks for."""

    code = 610
    name = "wrong_model_length"
    expected: int
    actual: int

    @property
    def detail(self) -> str:
        return f"The model has {self.actual} bytes, but its architecture asks for exactly {self.expected}."


@dataclass(eq=False)
class WrongModelHeader(ProtocolError):
    """A model whose header is not the only one that its architecture allows."""

    code = 611
    name = "wrong_model_header"
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The model's header differs at byte {self.position} from the one its architecture asks for; "
            "write it with the software's own writer."
        )


@dataclass(eq=False)
class ModelValueOutOfRange(ProtocolError):
    """A model with a value outside its tensor's range."""

    code = 612
    name = "model_value_out_of_range"
    tensor: str
    value: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The model is refused: {self.tensor} holds {self.value}, but only {self.least} to {self.most} "
            "are allowed."
        )


@dataclass(eq=False)
class ModelIgnoresWiring(ProtocolError):
    """A model with a weight where the wiring has no connection (§4.4)."""

    code = 613
    name = "model_ignores_wiring"
    tensor: str
    position: int

    @property
    def detail(self) -> str:
        return (
            f"The model is refused: weight {self.position} of {self.tensor} must be 0, because the wiring "
            "has no connection there."
        )


@dataclass(eq=False)
class ModelSumTooLarge(ProtocolError):
    """A model with a channel whose sums could leave 32 bits (§6.3)."""

    code = 614
    name = "model_sum_too_large"
    tensor: str
    channel: int

    @property
    def detail(self) -> str:
        return f"The model is refused: the sums of {self.tensor}, channel {self.channel}, could reach 2^31."


@dataclass(eq=False)
class InvalidTensors(ProtocolError):
    """Arrays that cannot be written as a model of an architecture."""

    code = 615
    name = "invalid_tensors"
    tensor: str
    reason: str

    @property
    def detail(self) -> str:
        return f"The model cannot be written: {self.tensor} {self.reason}."


@dataclass(eq=False)
class FalseClaim(ProtocolError):
    """A model whose error, between ``least`` and ``most``, is not the claimed one."""

    code = 620
    name = "false_claim"
    claimed: int
    least: int
    most: int

    @property
    def detail(self) -> str:
        return (
            f"The claimed error is {self.claimed} ppm, but the model's is at least {self.least} and at most "
            f"{self.most} ppm."
        )


@dataclass(eq=False)
class InexactArithmetic(ProtocolError):
    """A machine whose fast evaluation does not give the integers of the reference."""

    code = 621
    name = "inexact_arithmetic"
    case: str

    @property
    def detail(self) -> str:
        return f"This machine's fast evaluation is not exact ({self.case}); it must not verify models."
