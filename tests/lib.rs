//! Tests of the whole pipeline, from training to sampling.
