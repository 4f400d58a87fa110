"""What the dashboard keeps itself. Each row belongs to one organization."""

from .audit import AuditEntry
from .connections import Connection, Login, Organization
from .limits import Window
from .plans import Cause, Job, Outcome, Plan, PlanRow
from .roster import MirroredGroup, MirroredMember, MirroredRole, Selection
from .rosterfile import DriftWatch, RosterFile

__all__ = [
    "AuditEntry",
    "Cause",
    "Connection",
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
    "Selection",
    "Window",
]
