"""What a running server offers: unary RPCs, and the standard services that the rules of Phase 16 name."""

import grpc
import pytest
from google.protobuf import descriptor_pool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from governance.rulebook import load_rulebook
from tests.conftest import ROOT

pytestmark = pytest.mark.integration


def test_every_service_is_unary_but_the_standard_ones_that_are_named(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = descriptor_pool.DescriptorPool(database)
    services = set(database.get_services())
    excused = {exception.service for exception in load_rulebook(ROOT).exceptions.grpc_services}
    assert services > excused
    for name in services - excused:
        for method in pool.FindServiceByName(name).methods:
            assert (method.client_streaming, method.server_streaming) == (False, False), method.full_name
    assert services - excused == {"foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService"}
