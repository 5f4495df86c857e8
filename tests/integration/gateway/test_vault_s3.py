"""The vault on S3: the same contract, over a real HTTP server (moto), and what only a bucket can do."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer
from obstore.store import S3Store

from gateway.base.errors import PortFailure
from tests.support.contracts.recording_vault import RecordingVaultContract
from tests.support.vault_rig import VaultRig, vault_rig

ACCESS = {"access_key": "an-access-key", "secret_key": "a-secret-key", "region": "eu-west-1"}
_number = itertools.count()


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
async def rig(tmp_path: Path, s3: str) -> AsyncIterator[VaultRig]:
    bucket = f"recordings-{next(_number)}"
    await _make_bucket(s3, bucket)
    async with vault_rig(tmp_path, store={"url": f"s3://{bucket}/node", "endpoint": s3, **ACCESS}) as rig:
        yield rig


async def _make_bucket(address: str, bucket: str) -> None:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=address,
        region_name=ACCESS["region"],
        aws_access_key_id=ACCESS["access_key"],
        aws_secret_access_key=ACCESS["secret_key"],
    )
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": ACCESS["region"]})


class TestS3(RecordingVaultContract):
    pass


async def test_the_name_of_the_store_holds_no_secret(rig: VaultRig) -> None:
    assert rig.vault.objects.name.startswith("s3://recordings-")
    assert "a-secret" not in repr(rig.settings.store)


async def test_a_server_that_refuses_is_weather_and_its_words_are_not_repeated(tmp_path: Path, s3: str) -> None:
    store = {"url": "s3://no-such-bucket/x", "endpoint": s3, **ACCESS}
    async with vault_rig(tmp_path, store=store) as rig:
        with pytest.raises(PortFailure, match="store_unavailable") as refused:
            await rig.vault.objects.put_part("rc_one00000", "recording.webm", 0, b"film")
        assert "no-such-bucket" not in str(refused.value)


async def test_what_the_store_gives_back_is_compared_with_what_it_was_given(rig: VaultRig, s3: str) -> None:
    """A copy is let go only when the store has the same bytes: another object under the key is seen."""
    objects = rig.vault.objects
    await objects.put_part("rc_one00000", "recording.webm", 0, b"film")
    assert await objects.has_part("rc_one00000", "recording.webm", 0, b"film")
    assert not await objects.has_part("rc_one00000", "recording.webm", 0, b"fine")
    assert isinstance(objects._store, S3Store)
