"""What the dashboard keeps itself. Each row belongs to one organization."""

from .audit import AuditEntry
from .connections import Connection, Login, Organization
from .limits import Window
from .operation import Cursor, Sink, Worker
from .plans import Cause, Job, Outcome, Plan, PlanRow
from .roster import MirroredGroup, MirroredMember, MirroredRole, Selection
from .rosterfile import DriftWatch, RosterFile
from .tokens import Scope, Token

__all__ = [
    "AuditEntry",
    "Cause",
    "Connection",
    "Cursor",
    "DriftWatch",
    "Job",
    "Login",
    "MirroredGroup",
    "MirroredMember",
    "MirroredRole",
    "Organization",
    "Outcome",
    "Plan",
    "PlanRow",
    "RosterFile",
    "Scope",
    "Selection",
    "Sink",
    "Token",
    "Window",
    "Worker",
]
