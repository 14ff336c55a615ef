"""Signatures are those of the specification, and waits are spread."""

from __future__ import annotations

import pytest

from carecordon.model.errors import TheirFault
from carecordon.notify.retry import MOST_S, wait_s
from carecordon.notify.signature import secret_of, signature


def test_the_signature_is_that_of_the_specification() -> None:
    """Source: Standard Webhooks specification, example in "Symmetric signatures" (id, timestamp, payload, secret)."""
    key = secret_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    made = signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_%%%"])
def test_a_secret_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TheirFault) as fault:
        secret_of(text)
    assert not text.removeprefix("whsec_") or text.removeprefix("whsec_") not in str(fault.value)


def test_waits_grow_are_capped_and_are_spread() -> None:
    longest = [wait_s(tries, 0.999) for tries in range(1, 30)]
    assert longest == sorted(longest)
    assert longest[-1] <= MOST_S
    assert wait_s(5, 0.1) < wait_s(5, 0.9)
    assert wait_s(1, 0.0) > 0
