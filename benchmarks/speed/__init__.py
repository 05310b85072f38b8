"""Speed and code size of the MLPerf Tiny models on the cores of the Cortex-M family."""
