"""Many pictures: finding inputs, naming outputs, processes, clusters, storage."""
