//! What a user can do about an error: the flags that it is about, which the library does not know.

use dcgan_core::checkpoint::CheckpointError;
use dcgan_data::download::DownloadError;
use dcgan_data::{DataError, Purpose};
use dcgan_train::backend::device::DeviceError;
use dcgan_train::backend::error::BackendError;
use dcgan_train::networks::error::NetworkError;
use dcgan_train::run::collapse::Collapse;
use dcgan_train::run::error::{ResumeError, TrainError};
use indicatif::HumanBytes;

/// An error with the names of the flags that it is about, and what to do.
pub fn explain(error: &anyhow::Error) -> String {
    for cause in error.chain() {
        let text = (cause.downcast_ref().and_then(training))
            .or_else(|| cause.downcast_ref().map(device))
            .or_else(|| match cause.downcast_ref() {
                Some(NetworkError::Device(failed)) => Some(memory(failed)),
                _ => None,
            });
        if let Some(text) = text {
            return text;
        }
    }
    let advice = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(TrainError::Data(error)) => data(error),
        Some(TrainError::Checkpoint(error)) => checkpoint(error),
        _ => match cause.downcast_ref() {
            Some(NetworkError::Checkpoint(error)) => checkpoint(error),
            _ => cause.downcast_ref().and_then(checkpoint),
        },
    });
    advice.map_or_else(|| format!("{error:#}"), |advice| format!("{error:#}; {advice}"))
}

fn checkpoint(error: &CheckpointError) -> Option<String> {
    matches!(error, CheckpointError::Read { .. }).then(|| "name it with --checkpoint".to_owned())
}

fn data(error: &DataError) -> Option<String> {
    Some(match error {
        DataError::Folder { .. } | DataError::NoImages { .. } => {
            "name the folder of your images with --data-dir".to_owned()
        }
        DataError::Missing { .. } => {
            "put them there, have them downloaded (without --no-download), or take another \
            dataset: shapes needs no files"
                .to_owned()
        }
        DataError::Download { error: DownloadError::Failed { .. }, place } => format!(
            "try again, name another server with --download-url, or put the files there without a download: {place}"
        ),
        DataError::Download { error: DownloadError::Write { .. }, .. } => {
            "name another folder with --data-dir".to_owned()
        }
        DataError::Memory { purpose: Purpose::Batch, .. } => "use a smaller --batch-size".to_owned(),
        DataError::Memory { purpose: Purpose::Sample, .. } => "use fewer --metric-images".to_owned(),
        _ => return None,
    })
}

fn training(error: &TrainError) -> Option<String> {
    Some(match error {
        TrainError::Device(error) => memory(error),
        TrainError::Step { batch_size, error: BackendError { reason, is_out_of_memory: true } } => format!(
            "a step at --batch-size {batch_size} needs more memory than the device has ({reason}): try a smaller one"
        ),
        TrainError::Step { error, .. } => error.to_string(),
        TrainError::BatchSize { batch_size, dataset, images } => {
            let images = match images {
                1 => "1 image, use --batch-size 1".to_owned(),
                _ => format!("{images} images, use --batch-size {images} or less"),
            };
            format!("--batch-size {batch_size}: {dataset} has {images}")
        }
        TrainError::Memory { batch_size, needed, left, limit, fits } => {
            let advice = match fits {
                0 => "raise the limit, or use a smaller --arch, --cache-mib or --metric-images".to_owned(),
                _ => format!("use --batch-size {fits} or less"),
            };
            let [needed, left] = [needed, left].map(|bytes| HumanBytes(*bytes));
            format!(
                "--batch-size {batch_size}: training needs about {needed} of memory, and {left} are left of {limit}: \
                 {advice}"
            )
        }
        TrainError::DeviceBatch { batch_size, largest } => format!(
            "--batch-size {batch_size}: the kernels of this device count values in 32 bits, too few for this --arch: \
             use --batch-size {largest} or less"
        ),
        TrainError::DiscriminatorSteps { d_steps, dataset, batches } => format!(
            "--d-steps {d_steps}: an epoch of {dataset} has {batches} batches, use --d-steps {batches} or less, or a \
             smaller --batch-size"
        ),
        TrainError::Resume(error) => resuming(error),
        TrainError::Collapsed { collapse, rollbacks, .. } => {
            format!("{error}; {}", collapsed(collapse, *rollbacks))
        }
        TrainError::Metric(error) => format!("--metric-every: {error}"),
        TrainError::Write(_) | TrainError::Checkpoint(_) | TrainError::Data(_) => return None,
    })
}

fn memory(BackendError { reason, is_out_of_memory }: &BackendError) -> String {
    if *is_out_of_memory {
        format!(
            "the device has too little memory for the networks and the images that are drawn in between ({reason}): \
             end other programs that use it, or try a smaller --arch"
        )
    } else {
        format!("the device failed: {reason}")
    }
}

fn collapsed(collapse: &Collapse, rollbacks: usize) -> &'static str {
    match (collapse, rollbacks) {
        (Collapse::NotFinite { .. }, 0) => "try a smaller --learning-rate, or --on-collapse rollback",
        (_, 0) => "try --on-collapse rollback, another --learning-rate or --seed, or --on-collapse continue",
        _ => "try a smaller --learning-rate",
    }
}

fn resuming(error: &ResumeError) -> String {
    match error {
        ResumeError::NoState { .. } => {
            format!(
                "--resume: {error}; name the run's --checkpoint-dir, or leave --resume out to start a run"
            )
        }
        ResumeError::Unreadable { .. } => format!("--resume: {error}"),
        ResumeError::Changed { folder, .. } => format!(
            "--resume: {error}; use the values that the run in {} started with, or start another run in another \
             --checkpoint-dir",
            folder.display()
        ),
        ResumeError::Data { .. } => {
            format!(
                "--resume: {error}; put the old data back, or continue with these by --allow-changed-data"
            )
        }
        ResumeError::Unfit { .. } => format!("--resume: {error}; resume with the program that wrote it"),
        ResumeError::Unfinished { .. } => format!(
            "{error}: continue it by --resume, start a new one in its place by --overwrite, or name another \
             --checkpoint-dir"
        ),
        ResumeError::NoStateOf { .. } => {
            format!("{error}: start a new run in its place by --overwrite, or name another --checkpoint-dir")
        }
        ResumeError::Busy { .. } => {
            format!("{error}: wait for its end, or name other folders with --checkpoint-dir and --output-dir")
        }
    }
}

fn device(error: &DeviceError) -> String {
    match error {
        DeviceError::NotBuilt => format!(
            "--device cuda: {error}; with the CUDA toolkit installed, build it with `cargo build --release -p \
             dcgan-train --features cuda`"
        ),
        DeviceError::Cuda { .. } => {
            format!("--device cuda: {error}; check the driver with nvidia-smi, or take --device cpu")
        }
        DeviceError::Precision(precision) => {
            format!("--precision {}: {error}; take --device cuda, or --precision f32", precision.name())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(is_out_of_memory: bool) -> String {
        let error = BackendError { reason: "the driver's words".into(), is_out_of_memory };
        explain(&TrainError::Step { batch_size: 512, error }.into())
    }

    #[test]
    fn a_lack_of_memory_names_the_batch_size_and_another_failure_does_not() {
        let text = step(true);
        assert!(
            text.starts_with("a step at --batch-size 512 needs more memory")
                && text.contains("the driver's words")
        );
        assert_eq!(step(false), "the device failed: the driver's words");
    }

    #[test]
    fn a_lack_of_memory_outside_of_a_step_names_the_architecture() {
        let failed = || BackendError { reason: "the driver's words".into(), is_out_of_memory: true };
        for error in [NetworkError::Device(failed()).into(), TrainError::Device(failed()).into()] {
            let text = explain(&error);
            assert!(text.contains("the driver's words") && text.ends_with("try a smaller --arch"), "{text}");
        }
    }

    #[test]
    fn a_batch_that_does_not_fit_is_refused_with_one_that_does() {
        let memory = |batch_size, fits| TrainError::Memory {
            batch_size,
            needed: 6 << 30,
            left: 2 << 30,
            limit: "address space (ulimit -v)",
            fits,
        };
        let expected = "--batch-size 5000: training needs about 6.00 GiB of memory, and 2.00 GiB are left of address \
            space (ulimit -v): use --batch-size 896 or less";
        assert_eq!(explain(&memory(5000, 896).into()), expected);
        let text = explain(&memory(1, 0).into());
        assert!(
            text.ends_with("raise the limit, or use a smaller --arch, --cache-mib or --metric-images"),
            "{text}"
        );
    }
}
