"""The ways that a notice takes to a person: one file each."""

from __future__ import annotations

from carecordon.notify.channel import Channel
from carecordon.notify.channels.smtp import SMTP
from carecordon.notify.channels.webhook import WEBHOOK

CHANNELS: dict[str, Channel] = {channel.name: channel for channel in (SMTP, WEBHOOK)}
