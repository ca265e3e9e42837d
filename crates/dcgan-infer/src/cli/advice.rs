//! Advice that the program adds to errors of datasets, which know no flags.

use dcgan_data::DataError;
use dcgan_data::download::DownloadError;

/// Adds the advice for an error, if any, to its text.
pub fn advised(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref().and_then(advice) {
        Some(advice) => anyhow::anyhow!("{error:#}; {advice}"),
        None => error,
    }
}

fn advice(error: &DataError) -> Option<String> {
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
        _ => return None,
    })
}
