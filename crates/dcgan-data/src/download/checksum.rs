//! MD5 sums: what the publishers of the datasets give, to tell whole files from damaged ones.

use std::io::{self, Read};

use md5::{Digest, Md5};

/// The MD5 sum of what is left to read, as 32 hexadecimal digits.
pub(crate) fn md5_of(reader: &mut impl Read) -> io::Result<String> {
    let mut sum = Md5::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => sum.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sums are those of RFC 1321's test suite.
    #[test]
    fn sums_are_those_of_the_standard() {
        let sum = |text: &str| md5_of(&mut text.as_bytes()).unwrap();
        assert_eq!(sum(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(sum("message digest"), "f96b697d7cb7938d525a2f31aaf161d0");
        assert_eq!(sum(&"1234567890".repeat(8)), "57edf4a22be3c955ac49da2e2107b67a");
    }
}
