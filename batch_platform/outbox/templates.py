"""What notices say: each domain's own templates, inside the frame that the law asks of advertising.

A domain names its package (`Domain.templates`); in its folder `notices/` a template is a few files of one name:
`NAME.subject.txt`, `NAME.txt`, for mail also `NAME.html`, for SMS a shorter `NAME.sms.txt`, and `NAME.json`, the
parameters of its preview. Values are escaped in HTML and stand as they are in text; a missing one is an error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from batch_platform.core.failures import NotFound, PermanentFailure
from batch_platform.outbox.model import Channel, Rendered, Sender

FOLDER: Final = "notices"
_SUBJECT: Final = ".subject.txt"
_OWN: Final = "outbox"


class Templates:
    """The templates of the domains of `packages`, by domain."""

    def __init__(self, packages: Mapping[str, str]) -> None:
        self._packages = dict(packages)

    @cached_property
    def _environment(self) -> Environment:
        own = {_OWN: "batch_platform.outbox"}
        loaders = {name: PackageLoader(package, FOLDER) for name, package in {**self._packages, **own}.items()}
        return Environment(
            loader=PrefixLoader(loaders),
            autoescape=select_autoescape(enabled_extensions=("html",), default=False),
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def names(self) -> list[tuple[str, str]]:
        """Domain and name of every template, in order."""
        names = (name.partition("/") for name in self._environment.list_templates() if name.endswith(_SUBJECT))
        return sorted((domain, name.removesuffix(_SUBJECT)) for domain, _, name in names)

    def sample(self, domain: str, template: str) -> Mapping[str, Any]:
        """The parameters of the preview. Raises `NotFound` for a template that there is not."""
        if (domain, template) not in self.names():
            raise NotFound(
                "unknown-template", "{domain} has no template {template}", domain=domain, template=template
            )
        loader = self._environment.loader
        assert loader is not None
        source, _, _ = loader.get_source(self._environment, f"{domain}/{template}.json")
        sample: dict[str, Any] = json.loads(source)
        return sample

    def render(
        self,
        domain: str,
        template: str,
        parameters: Mapping[str, Any],
        *,
        channel: Channel,
        sender: Sender | None = None,
        unsubscribe: str | None = None,
    ) -> Rendered:
        """What a notice says. With `unsubscribe` it is advertising: sender, address and link stand below it.

        Raises `PermanentFailure` that says what the template lacks.
        """
        try:
            subject = self._rendered(f"{domain}/{template}{_SUBJECT}", parameters)
            if channel is Channel.SMS:
                names = [f"{domain}/{template}.sms.txt", f"{domain}/{template}.txt"]
                text = self._environment.select_template(names).render(parameters)
            else:
                text = self._rendered(f"{domain}/{template}.txt", parameters)
            html = None
            if channel is Channel.MAIL and f"{domain}/{template}.html" in self._environment.list_templates():
                html = self._rendered(f"{domain}/{template}.html", parameters)
            if channel is Channel.IN_APP:
                return Rendered(subject.strip(), text.strip(), None)
            around = {"subject": subject.strip(), "sender": sender, "unsubscribe": unsubscribe}
            framed = self._rendered(
                f"{_OWN}/frame.txt", {**around, "content": text.strip(), "channel": channel.value}
            )
            page = html and self._rendered(f"{_OWN}/frame.html", {**around, "content": Markup(html)})  # noqa: S704
            return Rendered(subject.strip(), framed.strip() + "\n", page)
        except Exception as error:  # noqa: BLE001 (however a template fails, it is one notice that is not sent)
            raise PermanentFailure(
                "notice-not-rendered",
                "the template {template} of {domain} cannot be rendered: {reason}",
                template=template,
                domain=domain,
                reason=str(error),
            ) from None

    def _rendered(self, name: str, values: Mapping[str, Any]) -> str:
        return self._environment.get_template(name).render(values)
