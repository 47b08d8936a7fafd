"""Addresses: lent, taken back, and held against other clusters."""

import socket

import pytest

from localcluster.errors import InputError
from localcluster.network.addresses import AddressRange, take_block


def test_an_owner_keeps_its_address_and_others_get_others() -> None:
    lent = AddressRange(9, 1, 1)
    assert lent.take("a") == "127.9.1.1"
    assert lent.take("b") == "127.9.1.2"
    assert lent.take("a") == "127.9.1.1"


def test_an_address_given_back_is_used_again_as_late_as_possible() -> None:
    lent = AddressRange(9, 1, 1)
    first = lent.take("a")
    lent.release("a")
    taken = [lent.take(n) for n in range(254)]
    assert taken[-1] == first
    assert len(set(taken)) == 254
    with pytest.raises(RuntimeError, match="no free address"):
        lent.take("one too many")


def test_a_given_address_is_lent_when_it_is_free_and_in_the_range() -> None:
    lent = AddressRange(9, 64, 127)
    assert lent.reserve("a", "127.9.64.7")
    assert lent.reserve("a", "127.9.64.7")
    assert not lent.reserve("b", "127.9.64.7")
    assert not lent.reserve("b", "127.9.128.1")
    assert not lent.reserve("b", "10.96.0.1")
    assert {lent.take(n) for n in range(10)}.isdisjoint({"127.9.64.7"})


def test_two_clusters_have_different_blocks() -> None:
    one, two = take_block(), take_block()
    try:
        assert one.second != two.second
        assert one.node_address == f"127.{one.second}.0.1"
    finally:
        one.close()
        two.close()


def test_a_port_of_ones_own_still_holds_the_block() -> None:
    block = take_block(port=18443)
    try:
        assert block.api_port == 18443
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((block.node_address, 6443))
    finally:
        block.close()


def test_a_port_that_is_taken_everywhere_is_told_with_a_fix() -> None:
    with socket.socket() as everywhere:
        everywhere.bind(("0.0.0.0", 0))
        everywhere.listen()
        port = everywhere.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is taken") as error:
            take_block(port=port)
    assert "fix:" in str(error.value)
