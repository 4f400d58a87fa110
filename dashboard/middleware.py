"""What every request passes: whom to believe about its address, and a page for every way it can fail."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address, ip_network
from typing import Any

from django.conf import settings
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.csp import build_policy

from memberships.models import scope
from memberships.providers.errors import ProviderError
from memberships.services.connections import NotAllowed, NotServed

from . import errors

type Handler = Callable[[HttpRequest], HttpResponse]


# Only names that Chromium knows: it complains about each other one on every page.
_EVERYTHING_OFF = (
    "accelerometer", "autoplay", "camera", "display-capture", "encrypted-media",
    "fullscreen", "gamepad", "geolocation", "gyroscope", "hid", "identity-credentials-get", "idle-detection",
    "local-fonts", "magnetometer", "microphone", "midi", "otp-credentials", "payment", "picture-in-picture",
    "publickey-credentials-create", "publickey-credentials-get", "screen-wake-lock", "serial", "storage-access", "usb",
    "window-management", "xr-spatial-tracking",
)  # fmt: skip


class SafeHeaders:
    """What every answer tells the browser, whoever gives it: views, error pages, static files, /healthz."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.headers = {
            "Content-Security-Policy": build_policy(settings.SECURE_CSP),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Cross-Origin-Resource-Policy": "same-origin",
            "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _EVERYTHING_OFF),
            "Referrer-Policy": settings.SECURE_REFERRER_POLICY,
            "X-Content-Type-Options": "nosniff",
            "X-Frame-Options": "DENY",
            # Static files say for how long they are good; nothing else is kept by anybody.
            "Cache-Control": "no-store",
        }
        if settings.SECURE_HSTS_SECONDS:
            self.headers["Strict-Transport-Security"] = (
                f"max-age={settings.SECURE_HSTS_SECONDS}; includeSubDomains; preload"
            )

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        return response


class TrustedProxies:
    """Believes X-Forwarded-Proto, -For and X-Request-ID only from TRUSTED_PROXIES; drops them otherwise."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.trusted = [ip_network(proxy, strict=False) for proxy in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        proto = meta.pop("HTTP_X_FORWARDED_PROTO", "")
        forwarded = meta.pop("HTTP_X_FORWARDED_FOR", "")
        meta.pop("HTTP_X_FORWARDED_HOST", None)
        request_id = meta.pop("HTTP_X_REQUEST_ID", "")
        if self._is_trusted(meta.get("REMOTE_ADDR", "")):
            meta["HTTP_X_REQUEST_ID"] = request_id
            if proto in ("http", "https"):
                meta["wsgi.url_scheme"] = proto
                request.environ["wsgi.url_scheme"] = proto  # type: ignore[attr-defined]
            # The right-most address that is not one of our proxies: what stands before it anybody can write.
            for hop in reversed([part.strip() for part in forwarded.split(",") if part.strip()]):
                hop = _without_port(hop)
                meta["REMOTE_ADDR"] = hop
                if not self._is_trusted(hop):
                    break
        return self.get_response(request)

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self.trusted)
        except ValueError:
            return False


def _without_port(hop: str) -> str:
    """Some proxies write `1.2.3.4:5555` and `[2001:db8::1]:5555`."""
    if hop.startswith("["):
        return hop[1:].partition("]")[0]
    return hop.partition(":")[0] if hop.count(":") == 1 else hop


class Healthz:
    """Answers /healthz before anything is asked of hosts, https, sessions or the database: this process is alive."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path == "/healthz":
            return HttpResponse("ok", content_type="text/plain")
        return self.get_response(request)


class OneOrganization:
    """Until a view has said whose rows it is about, a request may touch nobody's."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with scope.nobody():
            return self.get_response(request)


class FailurePages:
    """Turns what services raise, and an address that only takes a form, into a page with a way on."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == 405 and not response.content:
            page: HttpResponse = errors.no_page(request)
            page["Allow"] = response["Allow"]
            return page
        return response

    def process_view(self, request: Any, view: object, args: object, kwargs: dict[str, object]) -> None:
        """No id has this character in it, and PostgreSQL can't even be asked for one that had."""
        if any("\0" in value for value in kwargs.values() if isinstance(value, str)):
            raise Http404

    def process_exception(self, request: Any, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, ProviderError | NotAllowed | NotServed):
            return errors.page(request, exception)
        if isinstance(exception, DataError):  # something posted that no column can hold
            answer: HttpResponse = errors.bad_request(request, exception)
            return answer
        return None
