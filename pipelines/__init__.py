"""Tables, layers, passes, plan and runners: where the stages become one job. Only this room imports Beam."""
