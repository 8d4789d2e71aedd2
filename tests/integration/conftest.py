"""What several tests of a real server stand on."""

import grpc
import pytest

from tests.support.grpcurl import Grpcurl


@pytest.fixture
def grpcurl(channel: grpc.Channel) -> Grpcurl:
    """What calls a server with default settings as grpcurl does."""
    return Grpcurl(channel)
