"""Video files: what they are, their packets, key frames, motion vectors, frames, clips, telemetry. All through PyAV."""
