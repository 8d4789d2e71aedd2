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


def test_reflection_serves_the_contract_under_the_name_of_its_file(channel: grpc.Channel) -> None:
    contract = "foregsyte/jobs/v1/jobs.proto"
    assert (ROOT / "protos" / contract).is_file()
    database = ProtoReflectionDescriptorDatabase(channel)
    assert database.FindFileByName(contract).name == contract
    assert database.FindFileContainingSymbol("foregsyte.jobs.v1.JobService").name == contract
