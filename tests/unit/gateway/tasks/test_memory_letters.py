"""The fake store does what the real one does."""

import pytest

from tests.support.contracts.letter_store import LetterStoreContract
from tests.support.memory_letters import MemoryLetters


class TestMemoryLetters(LetterStoreContract):
    @pytest.fixture
    def letters(self) -> MemoryLetters:
        return MemoryLetters()
