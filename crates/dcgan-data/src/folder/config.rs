//! Options of reading a folder.

/// Options of reading the images of a folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub struct FolderConfig {
    /// Leave photos as their pixels are stored, whatever turn their EXIF orientation asks for
    ///
    /// Without this flag, images of `folder` are turned and mirrored as image viewers show them.
    #[arg(long, alias = "no_exif_orientation")]
    pub no_exif_orientation: bool,
}
