//! TensorBoard event files, written without TensorFlow: records of protocol-buffer messages, each
//! framed by its length and two masked CRC-32C (`tensorflow/core/lib/io/record_writer.h`).

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::EpochRecord;

/// A writer of one event file, which TensorBoard reads while it grows.
///
/// Start it with `tensorboard --logdir RUN_FOLDER`.
pub struct EventWriter {
    file: File,
}

impl EventWriter {
    /// A new event file in this folder. `first_step` is 0 for a new run; for a resumed one it makes
    /// TensorBoard ignore what an earlier file of the folder holds from that step on.
    ///
    /// # Errors
    /// A file that cannot be made or written.
    pub fn create(folder: &Path, first_step: usize) -> io::Result<Self> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let name = format!(
            "events.out.tfevents.{:010}.tinderbox.{}",
            now.as_secs(),
            now.subsec_nanos()
        );
        let mut writer = Self {
            file: File::create(folder.join(name))?,
        };
        let mut version = Message::default();
        version.double(1, wall_time()).bytes(3, b"brain.Event:2");
        writer.record(&version.0)?;
        if first_step > 0 {
            const START: u64 = 1;
            let mut session = Message::default();
            session.varint(1, START);
            writer.event(first_step, 7, &session.0)?;
        }
        Ok(writer)
    }

    /// One number under this tag.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn scalar(&mut self, tag: &str, step: usize, value: f64) -> io::Result<()> {
        let mut point = Message::default();
        point.bytes(1, tag.as_bytes()).float(2, value as f32);
        self.summary(step, &point)
    }

    /// A text, shown as Markdown on the tab "Text".
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn text(&mut self, tag: &str, step: usize, text: &str) -> io::Result<()> {
        const DT_STRING: u64 = 7;
        let (mut plugin, mut metadata) = (Message::default(), Message::default());
        plugin.bytes(1, b"text");
        metadata.bytes(1, &plugin.0);
        let mut tensor = Message::default();
        tensor
            .varint(1, DT_STRING)
            .bytes(2, b"")
            .bytes(8, text.as_bytes());
        let mut value = Message::default();
        value
            .bytes(1, tag.as_bytes())
            .bytes(8, &tensor.0)
            .bytes(9, &metadata.0);
        self.summary(step, &value)
    }

    /// All metrics of an epoch: `train_loss` as `loss/train`, so that the two curves share a chart.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub fn epoch(&mut self, record: &EpochRecord) -> io::Result<()> {
        for (name, value) in &record.metrics {
            let tag = match name.split_once('_') {
                Some((part, metric)) => format!("{metric}/{part}"),
                None => name.clone(),
            };
            self.scalar(&tag, record.step, *value)?;
        }
        self.scalar("learning_rate", record.step, record.learning_rate)?;
        self.file.flush()
    }

    fn summary(&mut self, step: usize, value: &Message) -> io::Result<()> {
        let mut summary = Message::default();
        summary.bytes(1, &value.0);
        self.event(step, 5, &summary.0)
    }

    fn event(&mut self, step: usize, what: u64, body: &[u8]) -> io::Result<()> {
        let mut event = Message::default();
        event
            .double(1, wall_time())
            .varint(2, step as u64)
            .bytes(what, body);
        self.record(&event.0)
    }

    fn record(&mut self, data: &[u8]) -> io::Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = length.to_vec();
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked_crc(data).to_le_bytes());
        // One write per record: a reader never sees half a header.
        self.file.write_all(&record)
    }
}

fn wall_time() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default().as_secs_f64()
}

/// The wire format of protocol buffers, as much of it as events need.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn key(&mut self, field: u64, wire: u64) {
        self.raw_varint(field << 3 | wire);
    }

    fn raw_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) -> &mut Self {
        self.key(field, 0);
        self.raw_varint(value);
        self
    }

    fn double(&mut self, field: u64, value: f64) -> &mut Self {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn float(&mut self, field: u64, value: f32) -> &mut Self {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
        self
    }

    fn bytes(&mut self, field: u64, value: &[u8]) -> &mut Self {
        self.key(field, 2);
        self.raw_varint(value.len() as u64);
        self.0.extend(value);
        self
    }
}

fn masked_crc(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: event files are short.
fn crc32c(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_of_the_rfc() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn varints_of_the_specification() {
        let mut message = Message::default();
        message.varint(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
        let mut message = Message::default();
        message.bytes(2, b"testing");
        assert_eq!(message.0, b"\x12\x07testing");
    }
}
