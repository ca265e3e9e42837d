//! The messages in TensorBoard's files, encoded by hand: of TensorFlow's `event.proto` and `summary.proto` the fields
//! that are written here, under the numbers that they have there.

/// A message of protocol buffers that grows by its fields.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

/// How a field's value is encoded.
const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const FIXED32: u32 = 5;

impl Message {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, encoding: u32) {
        self.varint(u64::from(field << 3 | encoding));
    }

    fn whole(mut self, field: u32, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    fn double(mut self, field: u32, value: f64) -> Self {
        self.key(field, FIXED64);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(mut self, field: u32, value: f32) -> Self {
        self.key(field, FIXED32);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn data(mut self, field: u32, value: &[u8]) -> Self {
        self.key(field, BYTES);
        self.varint(value.len() as u64);
        self.0.extend(value);
        self
    }
}

/// An event: a time in seconds since 1970, and a step where it has one.
fn event(seconds: f64, step: u64) -> Message {
    Message::default().double(1, seconds).whole(2, step)
}

/// The first event of a file.
pub(super) fn version(seconds: f64) -> Message {
    Message::default().double(1, seconds).data(3, b"brain.Event:2")
}

/// A run goes on: what an earlier file has from `step` on is no longer so.
pub(super) fn restart(seconds: f64, step: u64) -> Message {
    const START: u64 = 1;
    event(seconds, step).data(7, Message::default().whole(1, START).bytes())
}

/// Numbers by their tags.
pub(super) fn scalars(seconds: f64, step: u64, values: &[(&str, f64)]) -> Message {
    let summary = values.iter().fold(Message::default(), |summary, (tag, value)| {
        let value = Message::default().data(1, tag.as_bytes()).float(2, *value as f32);
        summary.data(1, value.bytes())
    });
    event(seconds, step).data(5, summary.bytes())
}

/// A picture: its size, its channels, and the bytes of its PNG file.
pub(super) fn image(
    seconds: f64,
    step: u64,
    tag: &str,
    [height, width, channels]: [u64; 3],
    png: &[u8],
) -> Message {
    let image = Message::default().whole(1, height).whole(2, width).whole(3, channels).data(4, png);
    let value = Message::default().data(1, tag.as_bytes()).data(4, image.bytes());
    event(seconds, step).data(5, Message::default().data(1, value.bytes()).bytes())
}
