//! A node's attributes with the defaults of ONNX's definition.

use dcgan_onnx::AttributeProto;

/// A node's attributes.
pub(super) struct Attributes<'a> {
    list: &'a [AttributeProto],
    /// The version of the operators.
    pub(super) opset: i64,
}

impl<'a> Attributes<'a> {
    pub(super) fn new(list: &'a [AttributeProto], opset: i64) -> Self {
        Self { list, opset }
    }

    fn find(&self, name: &str) -> Option<&'a AttributeProto> {
        self.list.iter().find(|attribute| attribute.name() == name)
    }

    /// Refuses attributes that would change what the operator means, and that are not known here.
    pub(super) fn refuse(&self, names: &[&str]) -> Result<(), String> {
        match names.iter().find(|name| self.find(name).is_some()) {
            Some(name) => Err(format!("attribute {name} is not known here")),
            None => Ok(()),
        }
    }

    /// `auto_pad` other than NOTSET is not known here.
    pub(super) fn refuse_auto_pad(&self) -> Result<(), String> {
        match self.find("auto_pad").map(AttributeProto::s) {
            None | Some(b"NOTSET") => Ok(()),
            Some(other) => Err(format!("auto_pad {} is not known here", String::from_utf8_lossy(other))),
        }
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        match self.find(name) {
            None => Ok(default),
            Some(found) => found.i.ok_or_else(|| format!("attribute {name} is no integer")),
        }
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        match self.find(name) {
            None => Ok(default),
            Some(found) => found.f.ok_or_else(|| format!("attribute {name} is no float")),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Option<&'a [i64]> {
        self.find(name).map(|attribute| attribute.ints.as_slice())
    }

    /// `L` integers that are sizes, from `least` up.
    pub(super) fn sizes<const L: usize>(
        &self,
        name: &str,
        least: usize,
        default: [usize; L],
    ) -> Result<[usize; L], String> {
        let Some(found) = self.ints(name) else { return Ok(default) };
        let error = || format!("attribute {name} is {found:?}, expected {L} integers of {least} to 65536");
        // The bound keeps every sum and product of sizes far from overflow.
        let size = |value: &i64| usize::try_from(*value).ok().filter(|size| (least..=65_536).contains(size));
        let sizes: Option<Vec<_>> = found.iter().map(size).collect();
        sizes.and_then(|sizes| sizes.try_into().ok()).ok_or_else(error)
    }
}
