"""What all tests need."""

import pytest
from people import Person


@pytest.fixture(params=["alice", "zoë"])
def owner(request, url, token):
    return Person(url, token(request.param))


@pytest.fixture
def stranger(url, token):
    return Person(url, token("stranger"))


@pytest.fixture
def thread(owner):
    return owner.begins("remember my number: 4711")
