"""Kinds of facts about processes: started, ended, opened or entered by another, what they loaded."""

from __future__ import annotations

import base64
import binascii
import re

from carecordon.model.event import Fields
from carecordon.report.story.kind import Kind
from carecordon.report.story.values import (
    COMMAND_CHARS,
    PATH_CHARS,
    Slot,
    account,
    base,
    command,
    field,
    is_at_home,
    name,
    path,
    program,
    quoted,
    show_account,
    text_of,
    told,
)
from carecordon.report.story.words import Words

_ENCODED = re.compile(r"\s[-/\u2013\u2014]e[a-z]*\s+[\"']?([A-Za-z0-9+/]{16,}={0,2})", re.IGNORECASE)
_NOISE = re.compile(r"CommandInvocation\((?:PSConsoleHostReadLine|Out-Default|Set-StrictMode)\)", re.IGNORECASE)
_DOCUMENT = re.compile(
    r"\.(?:do[ct][xm]?|xl[stab][xmb]?|pp[ts][xm]?|rtf|pdf|one|csv|hta|jse?|vb[se]|wsf|lnk|iso|img|zip|eml|msg)"
    r"(?=[\"'\s]|$)",
    re.IGNORECASE,
)
_PLUMBING = frozenset({
    "conhost.exe", "backgroundtaskhost.exe", "runtimebroker.exe", "splwow64.exe", "searchfilterhost.exe",
    "searchprotocolhost.exe", "taskhostw.exe", "musnotification.exe", "wmiadap.exe", "sppsvc.exe",
})  # fmt: skip
_BOOTING = frozenset({"system", "smss.exe", "wininit.exe", "winlogon.exe", "services.exe"})
_BOOTED = frozenset({
    "smss.exe", "csrss.exe", "wininit.exe", "winlogon.exe", "services.exe", "lsass.exe", "lsaiso.exe", "svchost.exe",
    "fontdrvhost.exe", "dwm.exe", "logonui.exe",
})  # fmt: skip
"""What starts what while Windows starts, and whenever a service does."""
_HANDED_ON = frozenset({("net.exe", "net1.exe")})
"""Programs that only hand their command on to another."""
_OPENERS = frozenset({
    "winword.exe", "excel.exe", "powerpnt.exe", "outlook.exe", "onenote.exe", "mspub.exe", "visio.exe",
    "acrord32.exe", "acrobat.exe", "wordpad.exe", "notepad.exe", "soffice.exe", "soffice.bin",
})  # fmt: skip
"""Programs that people open documents with; what others are given as a file is told by their command."""


def _command_line(fields: Fields) -> str | None:
    """Return the command line, unless it only repeats the program."""
    line = field(fields, "CommandLine", "ProcessCommandLine")
    image = field(fields, "Image", "NewProcessName")
    bare = (line or "").strip('"').lower()
    return None if image and bare in (image.lower(), base(image)) else line


def _says(fields: Fields) -> str | None:
    line = text_of(fields.get("CommandLine"))
    image = field(fields, "Image", "NewProcessName")
    return f"{base(image or '')}\n{line}" if line else None


def _show_says(raw: str, words: Words) -> str | None:
    image, _, line = raw.partition("\n")
    return words.hint("commands", image, line)


def _document(fields: Fields) -> str | None:
    """Return the document that a program was started with."""
    line = text_of(fields.get("CommandLine"))
    if not line or base(field(fields, "Image", "NewProcessName") or "") not in _OPENERS:
        return None
    found = _DOCUMENT.search(line)
    if found is None:
        return None
    before = line[: found.end()]
    start = before.rfind('"') + 1 or before.rfind(" ") + 1
    return before[start:] or None


def _decoded(fields: Fields) -> str | None:
    """Return what an encoded PowerShell command says (base64 of UTF-16), if it is text."""
    found = _ENCODED.search(text_of(fields.get("CommandLine")) or "")
    if found is None:
        return None
    code = found[1].rstrip("=")
    try:
        text = base64.b64decode(code + "=" * (-len(code) % 4)).decode("utf-16-le")
    except (binascii.Error, UnicodeDecodeError):
        return None
    plain_signs = sum(sign.isascii() for sign in text)
    return text if text and plain_signs * 10 >= len(text) * 9 else None


def _is_plumbing(fields: Fields) -> bool:
    """Say whether it is Windows or a program starting its own parts, from where they belong: nobody's doing."""
    path = field(fields, "Image", "NewProcessName") or ""
    image, parent = base(path), base(field(fields, "ParentImage", "ParentProcessName") or "")
    if not is_at_home(path):
        return False
    is_part = image == parent and "--type=" in (text_of(fields.get("CommandLine")) or "")
    return is_part or image in _PLUMBING or (parent in _BOOTING and image in _BOOTED) or (parent, image) in _HANDED_ON


def _who(fields: Fields) -> str | None:
    """Return the account that a process was started under: in 4688 the target, where there is one."""
    return field(fields, "User") or account("Target").read(fields) or account("Subject").read(fields)


def _is_shell_noise(fields: Fields) -> bool:
    """Say whether it is what PowerShell does by itself to show its prompt and what was asked for."""
    text = field(fields, "ScriptBlockText", "Payload") or ""
    return text == "prompt" or _NOISE.match(text) is not None


def _process_id(fields: Fields) -> str | None:
    number = field(fields, "NewProcessId", "ProcessId")
    return str(int(number, 16)) if number and re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", number) else number


def _host_application(fields: Fields) -> str | None:
    """Return the command line that a PowerShell host names in its text."""
    text = field(fields, "HostApplication", "Data", "Message")
    found = re.search(r"HostApplication=([^\r\n]+)", text or "")
    return found[1].strip() if found else field(fields, "HostApplication")


_COMMAND = Slot(_command_line, lambda raw, _: quoted(raw, COMMAND_CHARS))
_STARTS = (("sysmon", 1), ("security", 4688))
_START = {
    "parent": program("ParentImage", "ParentProcessName", "CreatorProcessName"),
    "image": program("Image", "NewProcessName"),
    "account": Slot(_who, show_account),
    "command": _COMMAND,
    "says": Slot(_says, _show_says),
    "document": Slot(_document, lambda raw, _: quoted(raw, PATH_CHARS)),
    "decoded": Slot(_decoded, lambda raw, _: quoted(raw, COMMAND_CHARS)),
    "pid": Slot(_process_id, lambda raw, _: raw),
}

_SCRIPTS = (("powershell", 4104), ("powershell", 4103))

PROCESSES = (
    Kind("helper_start", _STARTS, _START, ("parent", "image", "account"), 4, when=_is_plumbing, twin=("image", "pid")),
    Kind(
        "process_start",
        _STARTS,
        _START,
        same=("parent", "image", "command", "account"),
        weight=30,
        varies="command",
        twin=("image", "pid"),
    ),
    Kind("process_end", (("sysmon", 5), ("security", 4689)), {"image": program("Image", "ProcessName")}, ("image",), 2),
    Kind(
        "process_opened",
        (("sysmon", 10),),
        {
            "image": program("SourceImage"),
            "target": program("TargetImage"),
            "access": told("access", "GrantedAccess"),
            "says": Slot(
                lambda fields: base(field(fields, "TargetImage") or ""),
                lambda raw, words: words.look_up("targets", raw),
            ),
        },
        same=("image", "target"),
        weight=6,
    ),
    Kind(
        "thread_inside",
        (("sysmon", 8),),
        {"image": program("SourceImage"), "target": program("TargetImage"), "function": name("StartFunction")},
        same=("image", "target"),
        weight=30,
    ),
    Kind(
        "process_tampered",
        (("sysmon", 25),),
        {"image": program("Image"), "manner": name("Type")},
        same=("image", "manner"),
        weight=20,
    ),
    Kind(
        "module_loaded",
        (("sysmon", 7),),
        {
            "image": program("Image"),
            "module": path("ImageLoaded"),
            "signed": told("signatures", "Signed"),
        },
        same=("image", "signed"),
        varies="module",
        weight=4,
    ),
    Kind(
        "driver_loaded",
        (("sysmon", 6),),
        {"module": path("ImageLoaded"), "signed": told("signatures", "Signed"), "signer": name("Signature")},
        same=("signed",),
        varies="module",
        weight=12,
    ),
    Kind(
        "disk_read",
        (("sysmon", 9),),
        {"image": program("Image"), "disk": path("Device")},
        same=("image",),
        varies="disk",
        weight=15,
    ),
    Kind("shell_noise", _SCRIPTS, {"command": command("ScriptBlockText", "Payload")}, (), 2, when=_is_shell_noise),
    Kind(
        "script",
        (("powershell", 4104),),
        {"script": command("ScriptBlockText"), "file": path("Path")},
        same=("file",),
        varies="script",
        weight=22,
    ),
    Kind(
        "script_command",
        (("powershell", 4103), ("powershell-classic", 800)),
        {"command": command("Payload", "Data", "ContextInfo")},
        same=(),
        varies="command",
        weight=14,
    ),
    Kind(
        "script_host",
        (("powershell-classic", 400),),
        {"command": Slot(_host_application, lambda raw, _: quoted(raw, COMMAND_CHARS))},
        same=("command",),
        weight=12,
    ),
    Kind(
        "wmi_part",
        (("sysmon", 19), ("sysmon", 20), ("sysmon", 21)),
        {
            "part": told("wmi", "EventType"),
            "operation": told("operations", "Operation"),
            "name": name("Name", "Consumer", "Filter"),
            "account": account("", "User"),
            "command": command("Destination", "Query", "Filter"),
        },
        same=("part", "operation"),
        varies="name",
        weight=35,
    ),
    Kind(
        "wmi_subscription",
        (("wmi", 5861),),
        {"command": command("PossibleCause", "CONSUMER"), "name": name("ESS", "Namespace")},
        same=("command",),
        weight=35,
    ),
    Kind(
        "pipe_made",
        (("sysmon", 17),),
        {"image": program("Image"), "pipe": name("PipeName")},
        same=("image",),
        varies="pipe",
        weight=5,
    ),
    Kind(
        "pipe_used",
        (("sysmon", 18),),
        {"image": program("Image"), "pipe": name("PipeName")},
        same=("image",),
        varies="pipe",
        weight=5,
    ),
    Kind("transfer", (("bits", 59), ("bits", 60)), {"url": path("url"), "name": name("name")}, ("url",), 20),
)
