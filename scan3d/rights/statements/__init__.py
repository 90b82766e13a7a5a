"""Who is owed what for which uses: quotes before, statements after, to the smallest unit of every currency."""
