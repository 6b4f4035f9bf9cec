"""The demo's datasets: handwritten digits, and a line that is known beforehand."""
