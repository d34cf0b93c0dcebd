"""The long lists of the walk from hash to network, written as HTML.

A block page has hundreds of such rows; written by hand they cost a tenth of what a template takes for them.
Everything that comes from a grammar is escaped.
"""

from collections.abc import Iterable
from html import escape

from django.utils.safestring import SafeString, mark_safe

from apps.common.formats import shorten
from apps.explorer.walk import Row, Rule, Step

_OR = '&#8203;<span class="or">|</span>&#8203;'


def write_bites(steps: Iterable[Step]) -> SafeString:
    """What each choice took of the number, as the items of a list of links."""
    return _join(
        f'<li><a class="bite" href="#step-{step.number}" data-step="{step.number}"'
        f' title="Choice {step.number}: alternative {step.taken} of {step.options}'
        f' for &lt;{escape(step.name)}&gt;">{step.taken}'
        f"<span>/{step.options}</span></a></li>"
        for step in steps
    )


def write_rules(rules: Iterable[Rule]) -> SafeString:
    """The grammar's rules, as the groups of a description list."""
    return _join(
        f'<div class="rule" data-rule="{escape(rule.name)}"><dt>&lt;{escape(rule.name)}&gt;</dt><dd>'
        + _OR.join(
            f'<span class="alternative" data-alternative="{number}">{escape(alternative)}</span>'
            for number, alternative in enumerate(rule.alternatives)
        )
        + "</dd></div>"
        for rule in rules
    )


def write_tree(rows: Iterable[Row]) -> SafeString:
    """The derivation tree, as the items of a list."""
    return _join(_write_tree_row(row) for row in rows)


def _write_tree_row(row: Row) -> str:
    kind, label = ("name", f"&lt;{escape(row.label)}&gt;") if row.is_name else ("word", escape(row.label))
    spaced = " data-spaced" if row.is_spaced else ""
    choice = f' data-choice="{row.choice}"' if row.choice else ""
    return (
        f'<li class="tree-row tree-{kind}" data-appears="{row.appears}" data-expands="{row.expands}"'
        f'{spaced}{choice}>{"<i></i>" * len(row.guides)}<span class="tree-label">{label}</span></li>'
    )


def write_step_rows(steps: Iterable[Step]) -> SafeString:
    """All choices, as the rows of a table."""
    return _join(_write_step_row(step) for step in steps)


def _write_step_row(step: Step) -> str:
    name, refilled = escape(step.name), "1" if step.is_refilled else ""
    return (
        f'<tr id="step-{step.number}" data-before="{step.before}" data-options="{step.options}"'
        f' data-taken="{step.taken}" data-name="{name}" data-refilled="{refilled}"'
        f' data-left="{step.left:.2f}"><td class="right num">{step.number}</td>'
        f'<td class="mono">&lt;{name}&gt;</td><td class="right num">{step.options}</td>'
        f'<td class="right num">{step.taken}</td><td class="mono">{escape(step.alternative)}</td>'
        f'<td class="mono">{shorten(step.before)}</td></tr>'
    )


def _join(parts: Iterable[str]) -> SafeString:
    return mark_safe("".join(parts))  # noqa: S308 - the functions above escape what is not a number
