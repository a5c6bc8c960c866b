"""What runs on the cluster, and a folder per problem: contract, query, training, simulator."""
