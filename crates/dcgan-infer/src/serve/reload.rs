//! Models whose files change while they are served.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};

use super::error::ServeError;
use super::model::{Model, Slot, Stamp};
use super::{App, SharedApp};
use crate::engine::{Engine, with_causes};
use crate::generator::GeneratorError;

/// Looks at the files from time to time, and swaps changed models in.
pub(super) fn start(engine: Engine, app: SharedApp) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Some(every) = app.config.reload {
            watch(&engine, &app, every).await;
        }
    })
}

async fn watch(engine: &Engine, app: &SharedApp, every: Duration) {
    let mut changes: Vec<_> = app.models.all().map(|model| Change::of(&model)).collect();
    loop {
        tokio::time::sleep(every).await;
        for (place, change) in changes.iter_mut().enumerate() {
            let stamp = Stamp::of(&change.files);
            if !change.is_over(&stamp) {
                continue;
            }
            let (engine, app) = (engine.clone(), app.clone());
            let tried = spawn_blocking(move || reload(&engine, &app, &app.models.slots()[place])).await;
            match tried {
                Ok(Reloaded::Served(model)) => *change = Change::of(&model),
                Ok(Reloaded::Lacks(weights)) => change.watch(weights),
                Ok(Reloaded::Refused) | Err(_) => {}
            }
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

    /// Looks at another file, too: it may come later.
    fn watch(&mut self, file: PathBuf) {
        if !self.files.contains(&file) {
            self.files.push(file);
            *self = Self::new(self.files.clone(), Stamp::of(&self.files));
        }
    }

    /// Whether files are others than before, and as they were a look ago: nobody writes them any more.
    fn is_over(&mut self, stamp: &Stamp) -> bool {
        let rests = self.seen == *stamp;
        self.seen = stamp.clone();
        let is_over = rests && *stamp != self.tried && stamp.is_there();
        if is_over {
            self.tried = stamp.clone();
        }
        is_over
    }
}

/// What became of a changed model.
enum Reloaded {
    /// It is served from now on.
    Served(Arc<Model>),
    /// Weights that it names are not there, or not whole.
    Lacks(PathBuf),
    /// It cannot be used.
    Refused,
}

/// Loads a model anew. One that does not load, or is damaged, or gives no numbers is kept out; the old one stays.
fn reload(engine: &Engine, app: &Arc<App>, slot: &Slot) -> Reloaded {
    let model = Model::load(engine, &slot.source, &app.config, &app.metrics, false);
    let (name, old) = (&slot.source.name, slot.get());
    let (problem, reloaded) = match model {
        Ok(model) if model.is_sound => {
            tracing::info!(
                name,
                old = old.digest,
                new = model.digest,
                "the model's file changed, it is served"
            );
            app.metrics.reloaded(name, true);
            slot.replace(model);
            return Reloaded::Served(slot.get());
        }
        Ok(_) => ("its values are no numbers".to_owned(), Reloaded::Refused),
        Err(error) => {
            let problem = with_causes(&error);
            match error {
                ServeError::Model(GeneratorError::Weights { weights, .. }) => {
                    (problem, Reloaded::Lacks(weights))
                }
                _ => (problem, Reloaded::Refused),
            }
        }
    };
    app.metrics.reloaded(name, false);
    tracing::error!(name, problem, "the model's file changed, the old one is served on");
    reloaded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_loaded_once_when_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.onnx");
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Stamp::of(std::slice::from_ref(&path))
        };
        let mut change = Change::new(vec![path.clone()], write("old"));
        assert!(!change.is_over(&write("half")));
        assert!(!change.is_over(&write("half and more")));
        let whole = write("half and more, whole");
        assert!(!change.is_over(&whole));
        assert!(change.is_over(&whole));
        assert!(!change.is_over(&whole), "it is loaded once");
        let missing = Stamp::of(&[PathBuf::from("no such file")]);
        assert!(!change.is_over(&missing));
        assert!(!change.is_over(&missing), "a file that is gone is none");
    }
}
