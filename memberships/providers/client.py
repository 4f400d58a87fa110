"""What providers over HTTP have in common."""

from typing import ClassVar

from . import MembershipProvider
from .http import Api, Credentials, Observer, Service
from .pacing import Pacing


class Client(MembershipProvider):
    """A provider reached through one Api: for one organization, in one person's name."""

    service: ClassVar[Service]

    def __init__(
        self,
        api_url: str,
        credentials: Credentials,
        organization_id: str,
        *,
        deadline_s: float,
        patient: bool = False,
        pace: Pacing | None = None,
        observer: Observer | None = None,
    ) -> None:
        """`api_url` is the host's address; see `Api` for the other arguments."""
        self.organization_id = organization_id
        self.api = Api(
            api_url,
            self.service,
            credentials,
            deadline_s=deadline_s,
            patient=patient,
            pace=pace,
            observer=observer,
        )
