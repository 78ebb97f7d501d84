//! PNG files without compression, as data URLs, for small images.

/// `data:image/png;base64,…` of 8-bit samples, 1 (grey) or 3 (RGB) for each pixel, row after row.
pub(crate) fn data_address(width: u32, channels: usize, samples: &[u8]) -> String {
    format!(
        "data:image/png;base64,{}",
        base64(&encode(width, channels, samples))
    )
}

/// The PNG file (RFC 2083) with stored deflate blocks (RFC 1951, section 3.2.4).
fn encode(width: u32, channels: usize, samples: &[u8]) -> Vec<u8> {
    let row = width as usize * channels;
    let height = (samples.len() / row) as u32;
    let mut header = Vec::from(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // 8 bits a sample, grey or RGB, no interlacing.
    header.extend([8, if channels == 1 { 0 } else { 2 }, 0, 0, 0]);
    let filtered: Vec<u8> = samples
        .chunks(row)
        .flat_map(|row| [0].into_iter().chain(row.iter().copied()))
        .collect();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header);
    chunk(&mut file, b"IDAT", &zlib(&filtered));
    chunk(&mut file, b"IEND", &[]);
    file
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32(&file[start..]);
    file.extend(sum.to_be_bytes());
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 * (sum & 1))
        })
    })
}

fn adler32(data: &[u8]) -> u32 {
    let (a, b) = data.iter().fold((1, 0), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    (b << 16) | a
}

fn base64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(data.len().div_ceil(3) * 4);
    for three in data.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for digit in 0..4 {
            let index = ((bits >> (18 - 6 * digit)) & 63) as usize;
            text.push(if digit <= three.len() {
                DIGITS[index] as char
            } else {
                '='
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_the_published_ones() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn base64_matches_rfc_4648() {
        let coded = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        assert_eq!(coded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }

    #[test]
    fn a_large_image_takes_several_blocks() {
        let stream = zlib(&vec![7; 100_000]);
        assert_eq!(stream.len(), 2 + 2 * 5 + 100_000 + 4);
        assert_eq!((stream[2], stream[2 + 5 + 0xffff]), (0, 1));
    }
}
