"""What people type into governance's pages."""

from django import forms

from protocol.bnf import MAX_GRAMMAR_BYTES

RULES = (("refill", "the chain's: refill"), ("paper", "the paper's: begin again"))


class GrammarForm(forms.Form):
    """A grammar to be looked at, by the one of its derivations that a nonce gives."""

    text = forms.CharField(max_length=MAX_GRAMMAR_BYTES, strip=False)
    nonce = forms.IntegerField(min_value=0, max_value=2**53 - 1, required=False)
    rule = forms.ChoiceField(choices=RULES, required=False)

    def clean_text(self) -> str:
        """Browsers send forms with CR LF; the chain takes line feeds only."""
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")
