"""The tables, as they are now. How they came to be is in `migrations`; a test holds the two together.

Texts have no length here: what comes in is limited where it comes in, and a limit that only one database enforces would
be found by an event that can't be written.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from gateway.records.columns import BigCount, SmallJson, UTCDateTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

contacts = Table(
    "contacts",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("site", Text, nullable=False),
    Column("visitor_hash", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("canary", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("end_reason", Text),
    Column("queue", Text),
    Column("agent_id", Text),
    Column("started_at", UTCDateTime, nullable=False),
    Column("queued_at", UTCDateTime),
    Column("answered_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("wait_s", Float),
    Column("talk_s", Float, nullable=False),
    Column("hold_s", Float, nullable=False),
    Column("wrap_up_s", Float, nullable=False),
    Column("disposition", Text),
    Column("notes", Text, nullable=False),
    Index(None, "started_at", "contact_id"),
    Index(None, "state"),
    Index(None, "ended_at"),
)

journal = Table(
    "journal",
    metadata,
    Column("contact_id", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("mono_s", Float, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("data", SmallJson, nullable=False),
    PrimaryKeyConstraint("contact_id", "seq"),  # an event written twice is written once
    Index(None, "at"),
)

chat_lines = Table(
    "chat_lines",
    metadata,
    Column("contact_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("author", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("text", Text, nullable=False),
    PrimaryKeyConstraint("contact_id", "number"),  # a line written twice is written once
    Index(None, "at"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("password_hash", Text),
    Column("roles", SmallJson, nullable=False),
    Column("agent_id", Text),
    Column("queues", SmallJson, nullable=False),
    Column("skills", SmallJson, nullable=False, default={}),
    Column("languages", SmallJson, nullable=False, default=[]),
    Column("created_at", UTCDateTime, nullable=False),
    UniqueConstraint("name"),
    UniqueConstraint("agent_id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of the token, which is nowhere
    Column("account_id", Text, nullable=False),
    Column("expires_at", UTCDateTime, nullable=False),
)

pilot_groups = Table(
    "pilot_groups",
    metadata,
    Column("group_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("share_percent", Integer, nullable=False),
    Column("agents", SmallJson, nullable=False),
    Column("version", Integer, nullable=False),
    Column("changed_at", UTCDateTime, nullable=False),
    Column("changed_by", Text, nullable=False),
)

recordings = Table(
    "recordings",
    metadata,
    Column("recording_id", Text, primary_key=True),
    Column("contact_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("consent", Text, nullable=False),
    Column("notice_version", Text, nullable=False),
    Column("requested_at", UTCDateTime, nullable=False),
    Column("started_at", UTCDateTime),
    Column("ended_at", UTCDateTime),
    Column("failure", Text, nullable=False),
    Column("truncated", Boolean, nullable=False),
    Column("truncated_reason", Text, nullable=False),
    Column("file", Text, nullable=False),
    Column("container", Text, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("size_bytes", BigCount, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("completeness", Float),
    Column("tracks", SmallJson, nullable=False),
    Column("views", SmallJson, nullable=False),
    Column("marks", SmallJson, nullable=False),
    Column("queue", Text, nullable=False),
    Column("agent_id", Text, nullable=False),
    Column("policy", Text, nullable=False),
    Column("consent_at", UTCDateTime),
    Column("consent_language", Text, nullable=False),
    Index(None, "contact_id"),
    Index(None, "state"),
    Index(None, "ended_at"),
    Index(None, "requested_at", "recording_id"),
)

recording_keys = Table(
    "recording_keys",
    metadata,
    Column("recording_id", Text, primary_key=True),
    Column("master_key", Text, nullable=False),
    Column("wrapped", Text, nullable=False),
    Index(None, "master_key"),
)

recording_files = Table(
    "recording_files",
    metadata,
    Column("recording_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("plain_bytes", BigCount, nullable=False),
    Column("plain_sha256", Text, nullable=False),
    Column("sealed_bytes", BigCount, nullable=False),
    Column("sealed_sha256", Text, nullable=False),
    Column("stored", Boolean, nullable=False),
    PrimaryKeyConstraint("recording_id", "name"),
)

recording_manifests = Table(
    "recording_manifests",
    metadata,
    Column("seq", BigCount, primary_key=True, autoincrement=False),  # two nodes that append at once: one is refused
    Column("recording_id", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("signature", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index(None, "recording_id"),
)

recording_holds = Table(
    "recording_holds",
    metadata,
    Column("hold_id", Text, primary_key=True),
    Column("recording_id", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", UTCDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("lifted_by", Text),
    Column("lifted_at", UTCDateTime),
    Index(None, "recording_id"),
)

erasure_receipts = Table(
    "erasure_receipts",
    metadata,
    Column("receipt_id", Text, primary_key=True),
    Column("at", UTCDateTime, nullable=False),
    Column("body", Text, nullable=False),
    Column("signature", Text, nullable=False),
)

task_letters = Table(
    "task_letters",
    metadata,
    Column("letter_id", Text, primary_key=True),
    Column("acd", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("command", Text, nullable=False),
    Column("data", SmallJson, nullable=False),
    Column("created_at", UTCDateTime, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("dead_at", UTCDateTime),
    Index(None, "acd", "node"),
    Index(None, "dead_at"),
)

task_rows = Table(
    "task_rows",
    metadata,
    Column("acd", Text, nullable=False),
    Column("contact_id", Text, nullable=False),
    Column("node", Text, nullable=False),
    Column("ref", Text, nullable=False),
    Column("taken", Boolean, nullable=False),
    Column("number", Integer, nullable=False),
    Column("task", SmallJson, nullable=False),
    PrimaryKeyConstraint("acd", "contact_id"),
)

customers = Table(
    "customers",
    metadata,
    Column("customer_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),
    Column("known_by", Text, nullable=False),
    Column("first_at", UTCDateTime, nullable=False),
    Column("last_at", UTCDateTime, nullable=False),
    Column("merged_into", Text),
    Index(None, "last_at", "customer_id"),
    Index(None, "name_folded"),
    Index(None, "merged_into"),
)

customer_keys = Table(
    "customer_keys",
    metadata,
    Column("digest", Text, primary_key=True),  # HMAC-SHA256 of kind and value, which is nowhere
    Column("kind", Text, nullable=False),
    Column("customer_id", Text, nullable=False),
    Index(None, "customer_id"),
)

customer_visits = Table(
    "customer_visits",
    metadata,
    Column("contact_id", Text, primary_key=True),
    Column("customer_id", Text),
    Column("site", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("at", UTCDateTime, nullable=False),
    Column("identity", SmallJson),
    Column("display_name", Text, nullable=False),
    Column("page_url", Text, nullable=False),
    Column("page_title", Text, nullable=False),
    Column("form", SmallJson, nullable=False),
    Index(None, "customer_id"),
    Index(None, "at"),
)

customer_timeline = Table(
    "customer_timeline",
    metadata,
    Column("interaction_id", Text, primary_key=True),
    Column("contact_id", Text, nullable=False),
    Column("segment", Integer, nullable=False),
    Column("customer_id", Text),  # none: erased
    Column("site", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("queue", Text),
    Column("agent_id", Text),
    Column("started_at", UTCDateTime, nullable=False),
    Column("ended_at", UTCDateTime, nullable=False),
    Column("end_reason", Text),
    Column("wait_s", Float),
    Column("talk_s", Float, nullable=False),
    Column("hold_s", Float, nullable=False),
    Column("wrap_up_s", Float, nullable=False),
    Column("disposition", Text),
    Column("notes", Text, nullable=False),
    Column("menu_path", SmallJson, nullable=False),
    Column("chat", SmallJson, nullable=False),
    Column("identity", SmallJson),  # as long as it waits to be told outside
    Column("display_name", Text, nullable=False),
    Column("page_url", Text, nullable=False),
    Column("page_title", Text, nullable=False),
    Column("form", SmallJson, nullable=False),
    Column("delivery", Text, nullable=False),
    Column("delivery_due_at", UTCDateTime),
    Column("delivery_first_at", UTCDateTime),
    Column("delivery_attempts", Integer, nullable=False),
    Column("delivery_error", Text, nullable=False),
    Index(None, "customer_id", "started_at", "interaction_id"),
    Index(None, "contact_id"),
    Index(None, "ended_at"),
    Index(None, "delivery", "delivery_due_at"),
)

links = Table(
    "links",
    metadata,
    Column("link_id", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("pin_digest", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("made_by", Text, nullable=False),
    Column("agent_id", Text),
    Column("agent_name", Text, nullable=False),
    Column("queue", Text, nullable=False),
    Column("made_at", UTCDateTime, nullable=False),
    Column("opens_at", UTCDateTime, nullable=False),
    Column("closes_at", UTCDateTime, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("wrong_pins", Integer, nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("remind_at", UTCDateTime, index=True),
    Column("reminders", Integer, nullable=False),
    Column("place_of", Text, index=True),
    Column("place", SmallJson),
    Column("called_at", UTCDateTime),
    Column("place_end", Text, nullable=False),
    Index("ix_links_made_by", "made_by", "closes_at"),
    Index(None, "closes_at"),
)

audit = Table(
    "audit",
    metadata,
    Column("audit_id", BigCount, primary_key=True, autoincrement=True),
    Column("at", UTCDateTime, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("data", SmallJson, nullable=False),
    Index(None, "subject", "audit_id"),
)
