//! Models whose files change while they are served.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};

use super::model::{Model, Slot, Stamp};
use super::{App, SharedApp};
use crate::engine::{Engine, with_causes};

/// Looks at the files from time to time, and swaps changed models in.
pub(super) fn start(engine: Engine, app: SharedApp) -> JoinHandle<()> {
    tokio::spawn(async move {
        if let Some(every) = app.config.reload {
            watch(&engine, &app, every).await;
        }
    })
}

async fn watch(engine: &Engine, app: &SharedApp, every: Duration) {
    let mut changes: Vec<_> = app.models.all().map(|model| Change::new(model.stamp.clone())).collect();
    loop {
        tokio::time::sleep(every).await;
        for (place, change) in changes.iter_mut().enumerate() {
            let slot = &app.models.slots()[place];
            let stamp = Stamp::of(&slot.get().files);
            if change.is_over(&stamp) {
                let (engine, app) = (engine.clone(), app.clone());
                drop(spawn_blocking(move || reload(&engine, &app, &app.models.slots()[place])).await);
            }
        }
    }
}

/// What is known of a model's files.
#[derive(Debug)]
struct Change {
    /// When they were last loaded, or refused.
    tried: Stamp,
    /// When they were last looked at.
    seen: Stamp,
}

impl Change {
    fn new(stamp: Stamp) -> Self {
        Self { tried: stamp.clone(), seen: stamp }
    }

    /// Whether files are others than before, all there, and as they were a look ago: nobody writes them any more.
    fn is_over(&mut self, stamp: &Stamp) -> bool {
        let rests = self.seen == *stamp;
        self.seen = stamp.clone();
        let is_over = rests && *stamp != self.tried && stamp.is_whole();
        if is_over {
            self.tried = stamp.clone();
        }
        is_over
    }
}

/// Loads a model anew. One that does not load, or is damaged, or gives no numbers is kept out; the old one stays.
fn reload(engine: &Engine, app: &Arc<App>, slot: &Slot) {
    let model = Model::load(engine, &slot.source, &app.config, &app.metrics);
    let (name, old) = (&slot.source.name, slot.get());
    let problem = match model {
        Ok(model) if model.is_sound => {
            tracing::info!(
                name,
                old = old.digest,
                new = model.digest,
                "the model's file changed, it is served"
            );
            app.metrics.reloaded(name, true);
            return slot.replace(model);
        }
        Ok(_) => "its checksum is another one, or its values are no numbers".to_owned(),
        Err(error) => with_causes(&error),
    };
    app.metrics.reloaded(name, false);
    tracing::error!(name, problem, "the model's file changed, the old one is served on");
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn a_file_is_loaded_once_when_it_rests() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.onnx");
        let write = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Stamp::of(std::slice::from_ref(&path))
        };
        let mut change = Change::new(write("old"));
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
