"""What visitors fill in."""

from django import forms

from protocol.crypto import parse_address
from protocol.errors import ProtocolError

MOST_PARAMETERS = 2**53 - 1


class ModelFilter(forms.Form):
    """Which models a leaderboard shows; what is wrong is said beside its field and does not choose."""

    layers = forms.IntegerField(min_value=1, max_value=10_000, required=False)
    min_parameters = forms.IntegerField(
        label="Parameters, at least", min_value=0, max_value=MOST_PARAMETERS, required=False
    )
    max_parameters = forms.IntegerField(
        label="at most", min_value=0, max_value=MOST_PARAMETERS, required=False
    )
    miner = forms.CharField(max_length=90, required=False)

    def clean_miner(self) -> str:
        """An address."""
        text: str = self.cleaned_data["miner"]
        if text:
            try:
                parse_address(text)
            except ProtocolError as error:
                raise forms.ValidationError(error.detail) from None
        return text
