//! Which partition a key belongs to, as other clients compute it.

#[cfg(test)]
mod tests;

/// A rule from keys to partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Partitioner {
    /// FNV-1a as Sarama's hash partitioner has it: the OpenTelemetry Collector's.
    #[default]
    Fnv1a,
    /// The Java client's.
    Murmur2,
}

impl Partitioner {
    /// The partition of `key` among `partitions` (at least 1).
    ///
    /// # Panics
    /// If `partitions` is below 1.
    pub fn partition(self, key: &[u8], partitions: i32) -> i32 {
        match self {
            Self::Fnv1a => partition_fnv1a(key, partitions),
            Self::Murmur2 => partition_murmur2(key, partitions),
        }
    }

    /// librdkafka's name of the same rule; records without a key go anywhere.
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::Fnv1a => "fnv1a_random",
            Self::Murmur2 => "murmur2_random",
        }
    }
}

/// The partition of `key` by 32-bit FNV-1a, taken as a signed number: its remainder by
/// `partitions`, made positive (Sarama, `hashPartitioner.Partition`).
///
/// # Panics
/// If `partitions` is below 1.
pub fn partition_fnv1a(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition, got {partitions}");
    let hash = key
        .iter()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    (hash.cast_signed() % partitions).abs()
}

/// The partition of `key` by 32-bit murmur2 without its sign bit, modulo `partitions` (Apache
/// Kafka, `BuiltInPartitioner.partitionForKey`).
///
/// # Panics
/// If `partitions` is below 1.
pub fn partition_murmur2(key: &[u8], partitions: i32) -> i32 {
    assert!(partitions > 0, "a topic has at least one partition, got {partitions}");
    (murmur2(key) & 0x7fff_ffff).cast_signed() % partitions
}

/// Murmur2 with Kafka's seed (Apache Kafka, `Utils.murmur2`).
fn murmur2(key: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    const SEED: u32 = 0x9747_b28c;

    // The reference takes the length as a 32-bit number as well; keys are far shorter.
    let mut hash = SEED ^ key.len() as u32;
    let mut words = key.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (index, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ hash >> 15
}
