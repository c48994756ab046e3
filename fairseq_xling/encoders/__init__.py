"""Models as sentence encoders, and the stream from text files to vector shards."""
