"""An agent against perfect play in Connect Four: how often its moves keep the outcome (`marks`), in which positions
(`suites`), whether it wins what is won (`conversion`), and all of it at growing numbers of simulations (`table`)."""
