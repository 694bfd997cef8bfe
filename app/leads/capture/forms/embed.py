"""HTML of a web form for the clinic's website: labelled fields, the honeypot, consent, and campaign parameters."""

from collections.abc import Mapping
from html import escape
from typing import Final

from app.leads.capture.forms.models import HONEYPOT, WebForm
from app.leads.fields import ON_FORMS, Form, FormInput, LeadField

# The type of inputs; others are texts, and their declaration says of which type.
_TYPES: Final[Mapping[Form, str]] = {Form.EMAIL: "email", Form.DAY: "date", Form.PAST_DAY: "date", Form.WHOLE: "number"}

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
        *(_field(ON_FORMS[one["name"]], is_required=one["required"]) for one in form.fields),
        f'  <p hidden><label>Leave this empty <input name="{HONEYPOT}" tabindex="-1" autocomplete="off"></label></p>',
    ]
    if form.consent_text:
        box = '<input type="checkbox" name="consent" value="true">'
        lines.append(f"  <p><label>{box} {escape(form.consent_text)}</label></p>")
    return "\n".join([*lines, '  <p><button type="submit">Send</button></p>', _SCRIPT, "</form>"])


def _field(field: LeadField, *, is_required: bool) -> str:
    asked = field.form or FormInput()
    required = " required" if is_required else ""
    return f"  <p><label>{asked.label or field.label} {_control(field, asked, required)}</label></p>"


def _control(field: LeadField, asked: FormInput, required: str) -> str:
    kind = field.kind
    longest = f' maxlength="{kind.most}"' if kind.form in {Form.TEXT, Form.LINES, Form.EMAIL} else ""
    if kind.options:
        options = "".join(f'<option value="{one}">{_words(one)}</option>' for one in kind.options)
        return f'<select name="{field.name}"{required}><option value=""></option>{options}</select>'
    if kind.form is Form.LINES:
        return f'<textarea name="{field.name}"{longest}{required}></textarea>'
    about = f'type="{_TYPES.get(kind.form, asked.type)}" autocomplete="{asked.autocomplete}"{longest}'
    return f'<input name="{field.name}" {about}{required}>'


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize()
