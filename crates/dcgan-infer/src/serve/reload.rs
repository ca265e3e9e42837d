//! Models whose files change while they are served.

use std::path::PathBuf;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

use super::error::ServeError;
use super::model::{Model, Slot, Stamp};
use super::{App, SharedApp};
use crate::engine::{Engine, with_causes};
use crate::model_file::ModelFile;

/// Looks at the files of each model from time to time, and swaps changed models in, until the result is dropped. Models
/// do not wait for each other.
pub(super) fn start(engine: &Engine, app: &SharedApp) -> JoinSet<()> {
    let Some(every) = app.config.reload else { return JoinSet::new() };
    let watch = |place| watch(engine.clone(), app.clone(), place, every);
    (0..app.models.slots().len()).map(watch).collect()
}

async fn watch(engine: Engine, app: SharedApp, place: usize, every: Duration) {
    let mut change = Change::of(&app.models.slots()[place].get());
    loop {
        tokio::time::sleep(every).await;
        // Files are looked at and loaded off the threads that answer: a disk may take its time.
        let looked = spawn_blocking(move || {
            let is_over = change.is_over();
            (change, is_over)
        });
        let Ok((looked, is_over)) = looked.await else { return };
        change = looked;
        if is_over {
            let (engine, app) = (engine.clone(), app.clone());
            // A panic of the engine leaves the old model where it is.
            drop(spawn_blocking(move || reload(&engine, &app, &app.models.slots()[place])).await);
        }
    }
}

/// What is known of a model's files.
#[derive(Debug)]
struct Change {
    /// The `.onnx` file, and those in which it keeps weights.
    files: Vec<PathBuf>,
    /// What they were like when they were last loaded, or refused.
    tried: Stamp,
    /// What they were like when they were last looked at.
    seen: Stamp,
}

impl Change {
    fn of(model: &Model) -> Self {
        Self::new(model.files.clone(), model.stamp.clone())
    }

    fn new(files: Vec<PathBuf>, stamp: Stamp) -> Self {
        Self { files, tried: stamp.clone(), seen: stamp }
    }

    /// Looks at the files: whether they are others than those that were tried, and as they were a look ago. Nobody writes
    /// them any more then.
    fn is_over(&mut self) -> bool {
        let stamp = Stamp::of(&self.files);
        let rests = self.seen == stamp;
        self.seen = stamp;
        if !rests || self.seen == self.tried || !self.seen.is_there() {
            return false;
        }
        // The new file may name other weights, which have to rest, too.
        let files = ModelFile::named_files(&self.files[0]);
        if files != self.files {
            self.seen = Stamp::of(&files);
            self.files = files;
            return false;
        }
        self.tried = self.seen.clone();
        true
    }
}

/// Loads a model anew. One that does not load, or is damaged, or gives no numbers is kept out; the old one stays.
fn reload(engine: &Engine, app: &App, slot: &Slot) {
    let (name, old) = (&slot.source.name, slot.get());
    match Model::load(engine, &slot.source, &app.config, &app.metrics, false) {
        Ok(model) => {
            tracing::info!(
                name,
                old = old.digest,
                new = model.digest,
                "the model's file changed, it is served"
            );
            app.metrics.reloaded(name, true);
            slot.replace(model);
        }
        Err(error) => {
            if matches!(error, ServeError::Endless { .. }) {
                app.metrics.trial_timed_out(name);
            }
            app.metrics.reloaded(name, false);
            let problem = with_causes(&error);
            tracing::error!(name, problem, "the model's file changed, the old one is served on");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_loaded_once_when_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.onnx");
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        write("old");
        let mut change = Change::new(vec![path.clone()], Stamp::of(std::slice::from_ref(&path)));
        for text in ["half", "half and more", "half and more, whole"] {
            write(text);
            assert!(!change.is_over(), "it is being written");
        }
        assert!(change.is_over());
        assert!(!change.is_over(), "it is loaded once");
        std::fs::remove_file(&path).unwrap();
        assert!(!change.is_over());
        assert!(!change.is_over(), "a file that is gone is none");
    }

    /// Weights count from when the new model names them, whether the model was refused or served.
    #[test]
    fn weights_that_a_changed_file_names_are_looked_at_too() {
        let strangers = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/strangers");
        let folder = tempfile::tempdir().unwrap();
        let (path, weights) = (folder.path().join("g.onnx"), folder.path().join("dynamo_external.onnx.data"));
        std::fs::write(&path, "old").unwrap();
        let mut change = Change::new(vec![path.clone()], Stamp::of(std::slice::from_ref(&path)));
        std::fs::copy(strangers.join("dynamo_external.onnx"), &path).unwrap();
        let looks = |change: &mut Change| [(); 4].map(|()| change.is_over());
        assert_eq!(
            looks(&mut change),
            [false, false, true, false],
            "it names weights, which have to rest as well"
        );
        for length in [1000, 17_280] {
            std::fs::write(&weights, vec![0; length]).unwrap();
            assert_eq!(looks(&mut change), [false, true, false, false], "{length} bytes");
        }
    }
}
