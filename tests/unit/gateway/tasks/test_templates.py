"""Integrators' templates can do what they need, and nothing that is long or large."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.acd.tasks.templates import OUTPUT_LIMIT, BoundedTemplate, TemplateFault, condition, several


def rendered(source: str, **values: object) -> str:
    return BoundedTemplate(source, values).render(values)


@pytest.mark.parametrize(
    ("source", "values", "text"),
    [
        ("{{ a.b }}", {"a": {"b": 1}}, "1"),
        ("{{ a.items }}", {"a": {"items": "own entry"}}, "own entry"),
        ("{{ a.get('x', 'y') }}", {"a": {}}, "y"),
        ("{{ a | to_json }}", {"a": 'é"\n'}, '"é\\"\\n"'),
        ("{{ a | url }}", {"a": "a/b?c&d é"}, "a%2Fb%3Fc%26d%20%C3%A9"),
        ("{{ a.nothing | default('d') }}", {"a": {}}, "d"),
        ("{{ (a | from_json).get('x', '-') }}", {"a": "no json"}, "-"),
        ("{{ a | cut_bytes(3) }}", {"a": "éé"}, "é"),
        ("{% for x in a %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}", {"a": [1, 2]}, "1,2"),
        ("{{ a | having('p', 1) | length }}", {"a": [{"p": 1}, {"p": 2}, 3]}, "1"),
        ("{{ a / 1000 }}", {"a": 8000}, "8.0"),
    ],
)
def test_what_integrators_need_is_there(source: str, values: dict[str, object], text: str) -> None:
    assert rendered(source, **values) == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ b }}",
        "{{ a.nothing }}",
        "{{ a.__class__ }}",
        "{{ 'x'.format(1) }}",
        "{{ ''.__class__.__mro__ }}",
        "{{ a['__class__'] }}",
        "{{ range(9) }}",
        "{{ 'x' * 9 }}",
        "{{ 9 ** 9 }}",
        "{{ '%9d' % 1 }}",
        "{% set b = 1 %}{{ b }}",
        "{% macro m() %}{% endmacro %}",
        "{% include 'x' %}",
        "{% import 'x' as x %}",
        "{% for x in a %}{% for y in a %}{% endfor %}{% endfor %}",
        "{% for x in a recursive %}{{ loop(a) }}{% endfor %}",
        "{{ a | attr('x') }}",
        "{{ a | map('upper') }}",
        "{{ a is callable }}",
        "{% filter upper %}x{% endfilter %}",
        "{% if %}",
        "{{ 1 / 0 }}",
    ],
)
def test_everything_else_is_a_fault(source: str) -> None:
    with pytest.raises(TemplateFault):
        rendered(source, a={})


def test_a_fault_names_the_line() -> None:
    with pytest.raises(TemplateFault) as fault:
        BoundedTemplate("one\ntwo\n{{ a | nothing }}", ["a"])
    assert fault.value.line == 3


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in a %}{{ t }}{% endfor %}",
        "{{ a | join(t) }}",
        "{{ t | replace('x', t) }}",
        "{{ t | replace('', t) }}",
        "{{ [t, t, t, t, t, t, t, t, t, t] | to_json }}",
    ],
)
def test_what_grows_too_large_is_stopped_early(source: str) -> None:
    """The largest that may come in: seconds of growth would show here, milliseconds do not."""
    with pytest.raises(TemplateFault):
        rendered(source, a=["y"] * 200, t="x" * (OUTPUT_LIMIT // 8))


def test_conditions_and_lists_are_written_without_braces() -> None:
    assert condition("a == 'x' and a is string", ["a"]).true({"a": "x"})
    assert not condition("a.get('b')", ["a"]).true({"a": {}})
    assert several("a.b", ["a"]).items({"a": {"b": [1, {"c": 2}]}}) == [1, {"c": 2}]
    with pytest.raises(TemplateFault):
        several("a", ["a"]).items({"a": "no list"})
    with pytest.raises(TemplateFault):
        several("a", ["a"]).items({"a": [1] * 201})


@given(st.text(max_size=60))
def test_no_text_makes_anything_but_a_template_or_a_fault(source: str) -> None:
    with contextlib.suppress(TemplateFault):
        BoundedTemplate(source, ["a"]).render({"a": {"b": 1}})
