"""The sound of a video, copied into its annotated copy."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Discard

from shared.video.container import exact, open_mp4

if TYPE_CHECKING:
    from av.packet import Packet


class AudioTracks:
    """The audio tracks, copied packet by packet; one whose codec the copy's format cannot hold is encoded again (AAC).

    Args:
        source: The video whose sound it is.
        output: The copy, to which no frame was written yet.
    """

    def __init__(self, source: Path, output: OutputContainer) -> None:
        self._output = output
        with ExitStack() as stack:
            container = stack.enter_context(open_mp4(source))
            tracks = [track for track in container.streams.audio if track.codec_context]
            for other in container.streams:
                other.discard = Discard.none if other in tracks else Discard.all
            self._outputs = {track.index: self._output_for(track) for track in tracks}
            self._packets = self._read(container, tracks)
            self._waiting = next(self._packets, None)
            self._close = stack.pop_all().close

    def write_until(self, seconds: float) -> None:
        """Write the sound up to this time; infinity stands for all the rest."""
        while self._waiting is not None and _seconds(self._waiting) <= seconds:
            self._write(self._waiting)
            self._waiting = next(self._packets, None)

    def close(self) -> None:
        """Write what the encoders still hold, and close the source."""
        for output, encoded in self._outputs.values():
            if encoded:
                self._output.mux(output.encode(None))
        self._close()

    def _output_for(self, track: AudioStream) -> tuple[Any, bool]:
        if track.codec_context.name in self._output.supported_codecs:
            return self._output.add_stream_from_template(track), False
        output = self._output.add_stream("aac", rate=track.codec_context.rate)
        output.layout = track.codec_context.layout
        return output, True

    def _read(self, container: Any, tracks: list[AudioStream]) -> Iterator["Packet[AudioStream]"]:
        if tracks:
            with suppress(av.FFmpegError):  # behind a damaged part there is no sound
                yield from (packet for packet in container.demux(tracks) if packet.size and packet.dts is not None)

    def _write(self, packet: "Packet[AudioStream]") -> None:
        output, encoded = self._outputs[packet.stream.index]
        if encoded:
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    self._output.mux(output.encode(frame))
            return
        packet.stream = output
        self._output.mux(packet)


def _seconds(packet: "Packet[AudioStream]") -> float:
    return float((packet.dts or 0) * (exact(packet.time_base) or 0))
