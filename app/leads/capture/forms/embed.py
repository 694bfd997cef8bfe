"""HTML of a web form for the clinic's website: labelled fields, the honeypot, consent, and campaign parameters."""

from collections.abc import Mapping
from enum import StrEnum
from html import escape
from typing import Final, NamedTuple

from app.leads.capture.forms.models import HONEYPOT, FormField, WebForm
from app.leads.enums import PreferredContact, TreatmentInterest


class Input(NamedTuple):
    """The input of a field: its type, its `autocomplete` value, and its longest text in characters."""

    kind: str = "text"
    autocomplete: str = "off"
    longest: int = 100


INPUTS: Final[Mapping[FormField, Input]] = {
    FormField.FIRST_NAME: Input(autocomplete="given-name"),
    FormField.LAST_NAME: Input(autocomplete="family-name"),
    FormField.EMAIL: Input(kind="email", autocomplete="email", longest=254),
    FormField.PHONE: Input(kind="tel", autocomplete="tel", longest=50),
    FormField.PREFERRED_TIME: Input(),
    FormField.CITY: Input(autocomplete="address-level2"),
    FormField.POSTAL_CODE: Input(autocomplete="postal-code", longest=20),
}
LONGEST_NOTES: Final = 5000
_LABELS: Final = {FormField.EMAIL: "E-mail address", FormField.NOTES: "Your message"}
_CHOICES: Final[Mapping[FormField, type[StrEnum]]] = {
    FormField.PREFERRED_CONTACT: PreferredContact,
    FormField.TREATMENT_INTEREST: TreatmentInterest,
}

# Adds the campaign of the page's address, its own address and the page before. Without scripts, the form works too.
_SCRIPT: Final = """\
  <script>
    (function (form) {
      function add(name, value) {
        if (!value) return;
        var field = document.createElement("input");
        field.type = "hidden"; field.name = name; field.value = value; form.appendChild(field);
      }
      var given = new URLSearchParams(location.search);
      ["source", "medium", "campaign", "term", "content"].forEach(function (part) {
        add("utm_" + part, (given.get("utm_" + part) || "").slice(0, 200));
      });
      add("landing_page", (location.origin + location.pathname).slice(0, 2000));
      if (/^https?:/.test(document.referrer)) add("referrer", document.referrer.split(/[?#]/)[0].slice(0, 2000));
    })(document.currentScript.parentNode);
  </script>"""


def form_html(form: WebForm, own_url: str) -> str:
    """Return the HTML of the form. Visitors send it to the API at `own_url`, which has no slash at the end."""
    action = escape(f"{own_url}/api/public/forms/{form.key}/leads")
    lines = [
        f'<form action="{action}" method="post" accept-charset="utf-8">',
        *(_field(FormField(one["name"]), is_required=one["required"]) for one in form.fields),
        f'  <p hidden><label>Leave this empty <input name="{HONEYPOT}" tabindex="-1" autocomplete="off"></label></p>',
    ]
    if form.consent_text:
        box = '<input type="checkbox" name="consent" value="true">'
        lines.append(f"  <p><label>{box} {escape(form.consent_text)}</label></p>")
    return "\n".join([*lines, '  <p><button type="submit">Send</button></p>', _SCRIPT, "</form>"])


def _field(name: FormField, *, is_required: bool) -> str:
    required = " required" if is_required else ""
    if name in _CHOICES:
        control = _select(name, required)
    elif name is FormField.NOTES:
        control = f'<textarea name="{name}" maxlength="{LONGEST_NOTES}"{required}></textarea>'
    else:
        kind, autocomplete, longest = INPUTS[name]
        about = f'type="{kind}" autocomplete="{autocomplete}" maxlength="{longest}"'
        control = f'<input name="{name}" {about}{required}>'
    return f"  <p><label>{_LABELS.get(name, _words(name))} {control}</label></p>"


def _select(name: FormField, required: str) -> str:
    options = "".join(f'<option value="{one}">{_words(one)}</option>' for one in _CHOICES[name])
    return f'<select name="{name}"{required}><option value=""></option>{options}</select>'


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
