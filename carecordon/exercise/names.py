"""What the attackers' tools are called: as known from the real outbreak, or drawn anew from a seed."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from carecordon.exercise.telemetry.programs import Facts, hashes_of, made_of

LETTERS = "abcdefghijklmnopqrstuvwxyz"
MIXED = LETTERS + "0123456789"


@dataclass(frozen=True, slots=True)
class Names:
    """All names of one outbreak."""

    worm: str
    """File name of the program that spreads."""
    service: str
    service_title: str
    switch: str
    """The name that the worm asks for before it runs: an answer would stop it, so nobody may ever block it."""
    ransom: str
    folder: str
    helper: str
    """The program that shows the demand and talks to the anonymising network."""
    note: str
    wallpaper: str
    ending: str
    worm_facts: Facts
    ransom_facts: Facts


def word(rng: Random, low: int, high: int, letters: str = LETTERS) -> str:
    """Return a word without meaning, of `low` to `high` letters."""
    return "".join(rng.choice(letters) for _ in range(rng.randrange(low, high + 1)))


def known(rng: Random) -> Names:
    """Return the names of May 2017; the folder was random then too. Source: public reports of WannaCry, 2017."""
    return Names(
        worm="mssecsvc.exe",
        service="mssecsvc2.0",
        service_title="Microsoft Security Center (2.0) Service",
        switch="www.iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea.com",
        ransom="tasksche.exe",
        folder=word(rng, 8, 14) + str(rng.randrange(100, 1000)),
        helper="@WanaDecryptor@.exe",
        note="@Please_Read_Me@.txt",
        wallpaper="@WanaDecryptor@.bmp",
        ending=".WNCRY",
        worm_facts=Facts(
            "6.1.7601.17514 (win7sp1_rtm.101119-1850)", "Microsoft® Disk Defragmenter",
            "Microsoft® Windows® Operating System", "Microsoft Corporation", "lhdfrgui.exe",
            "SHA1=E889544AFF85FFAF8B0D0DA705105DEE7C97FE26,MD5=DB349B97C37D22F5EA1D1841E3C89EB4,SHA256="
            "24D004A104D4D54034DBCFFC2A4B19A11F39008A575AA614EA04703480B1022C,IMPHASH=9ECEE117164E0B870A53DD187CDD7174",
        ),
        ransom_facts=made_of(f"ransom:{rng.random()}"),
    )  # fmt: skip


def invented(rng: Random) -> Names:
    """Return names that nobody ever saw: no rule knows them, nor any hash."""
    stem = word(rng, 5, 9)
    return Names(
        worm=f"{stem}.exe",
        service=f"{stem}{word(rng, 2, 3)}",
        service_title=f"{word(rng, 5, 8).title()} {word(rng, 5, 8).title()} Service",
        switch=f"www.{word(rng, 30, 42, MIXED)}.example",
        ransom=f"{word(rng, 6, 9)}.exe",
        folder=word(rng, 8, 14) + str(rng.randrange(100, 1000)),
        helper=f"{word(rng, 6, 10)}.exe",
        note=f"{word(rng, 4, 7)}_{word(rng, 3, 6)}.txt",
        wallpaper=f"{word(rng, 5, 8)}.bmp",
        ending=f".{word(rng, 5, 7)}",
        worm_facts=Facts("-", "-", "-", "-", "-", hashes_of(f"worm:{rng.random()}")),
        ransom_facts=made_of(f"ransom:{rng.random()}"),
    )


@dataclass(frozen=True, slots=True)
class Kit:
    """What people at keyboards bring along: every name is made up, and no file has a known hash."""

    loader: str
    """The program that brings them back."""
    folder: str
    task: str
    site: str
    """Where the loader asks for work, once a minute."""
    service: str
    uploader: str
    store: str
    encryptor: str
    ending: str
    note: str
    account: str
    password: str


def kit(rng: Random, *, drawn: bool) -> Kit:
    """Return the tools of an intrusion; `drawn` gives names without meaning instead of names that sound harmless."""
    if not drawn:
        return Kit(
            loader="netprof.exe",
            folder="NetProfile",
            task="NetProfile Refresh",
            site="static.cdn-portal.example.net",
            service="NetProfSvc",
            uploader="syncup.exe",
            store="vault:wph-in",
            encryptor="printqueue.exe",
            ending=".wexlock",
            note="HOW_TO_GET_FILES_BACK.txt",
            account="svc-print2",
            password="Lv4-Quartz-19",  # noqa: S106  # made up, and meant to be read in the events
        )
    return Kit(
        loader=f"{word(rng, 6, 9)}.exe",
        folder=word(rng, 6, 10).title(),
        task=f"{word(rng, 5, 8).title()} {word(rng, 4, 7).title()}",
        site=f"{word(rng, 5, 8)}.{word(rng, 6, 10)}.example.net",
        service=word(rng, 7, 10).title(),
        uploader=f"{word(rng, 5, 8)}.exe",
        store=f"{word(rng, 4, 6)}:{word(rng, 4, 8)}",
        encryptor=f"{word(rng, 6, 9)}.exe",
        ending=f".{word(rng, 5, 8)}",
        note=f"{word(rng, 5, 8)}-{word(rng, 4, 6)}.txt",
        account=f"{word(rng, 1, 1)}.{word(rng, 6, 9)}",
        password=f"{word(rng, 4, 6).title()}-{rng.randrange(100, 999)}-{word(rng, 4, 6)}",
    )
