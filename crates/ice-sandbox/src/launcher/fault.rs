//! What goes wrong while a cage is made, and which layers are done without.

use std::collections::BTreeSet;
use std::io;

use crate::layer::Layer;
use crate::report::{Absent, SetupFailure, Stage};
use crate::wire::Spec;

/// Adds to an error where it came up.
pub(super) trait At<T> {
    /// In this stage, doing this.
    fn at(self, stage: Stage, what: &str) -> Result<T, SetupFailure>;
}

impl<T, E: Into<io::Error>> At<T> for Result<T, E> {
    fn at(self, stage: Stage, what: &str) -> Result<T, SetupFailure> {
        self.map_err(|error| SetupFailure::io(stage, what, &error.into()))
    }
}

/// Which layers hold, and which are done without.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) held: BTreeSet<Layer>,
    pub(super) absent: Vec<Absent>,
}

impl Layers {
    pub(super) fn has(&self, layer: Layer) -> bool {
        self.held.contains(&layer)
    }

    /// Puts a layer on. One that was waived may fail.
    pub(super) fn put<T>(
        &mut self,
        spec: &Spec,
        layer: Layer,
        on: impl FnOnce() -> Result<T, SetupFailure>,
    ) -> Result<Option<T>, SetupFailure> {
        let result = if spec.absent.contains(&layer) {
            Err(SetupFailure::new(Stage::Layer(layer), "it is taken for absent"))
        } else {
            on()
        };
        match result {
            Ok(done) => {
                self.held.insert(layer);
                Ok(Some(done))
            }
            Err(failure) if failure.stage == Stage::Grant => Err(failure),
            Err(failure) if spec.waived.contains(&layer) => {
                self.absent.push(Absent { layer, why: failure.what });
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}
