"""The `batch-scoring` command: sends events, trains, scores, shows results. Talks to Azure's APIs; on files, to the two engines."""
