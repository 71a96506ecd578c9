use tailsift_trace::TraceId;

use super::*;

/// A record of one trace: its payload is its chunk.
fn whole(payload: &[u8]) -> Batch<'_> {
    let mut batch = Batch::default();
    batch.pieces.push(Piece::Own(payload));
    batch.chunks.push(Chunk { trace_id: TraceId([1; 16]), spans: 0..1, pieces: 0..1 });
    batch
}

fn frame(text: &[u8]) -> Piece<'static> {
    let mut bytes = [0; 12];
    bytes[..text.len()].copy_from_slice(text);
    Piece::Frame { bytes, len: text.len() as u8 }
}

fn store(segments: &mut Segments, batch: &Batch<'_>) -> Vec<Stored> {
    segments.begin_record(batch);
    batch.chunks.iter().map(|chunk| segments.store(batch, chunk)).collect()
}

fn written(segments: &Segments, stored: Stored) -> Vec<u8> {
    let mut out = Vec::new();
    segments.write(stored, &mut out);
    out
}

#[test]
fn chunks_share_a_records_headers() {
    let mut batch = Batch { shared: vec![b"RESOURCE", b"SCOPE"], ..Batch::default() };
    for (place, own) in [b"span1".as_slice(), b"span2"].into_iter().enumerate() {
        let start = batch.pieces.len() as u32;
        batch.pieces.extend([
            frame(b"<"),
            Piece::Shared(0),
            frame(b"("),
            Piece::Shared(1),
            Piece::Own(own),
            frame(b")>"),
        ]);
        let pieces = start..batch.pieces.len() as u32;
        batch.chunks.push(Chunk { trace_id: TraceId([place as u8 + 1; 16]), spans: 0..1, pieces });
    }
    let mut segments = Segments::default();
    let stored = store(&mut segments, &batch);
    assert_eq!(written(&segments, stored[0]), b"<RESOURCE(SCOPEspan1)>");
    assert_eq!(written(&segments, stored[1]), b"<RESOURCE(SCOPEspan2)>");
    let bytes = &segments.list[0].bytes;
    let copies = bytes.windows(8).filter(|window| window == b"RESOURCE").count();
    assert_eq!(copies, 1);
}

#[test]
fn a_segment_goes_with_its_last_chunk() {
    let payload = vec![7; 100_000];
    let mut segments = Segments::default();
    let stored: Vec<_> = (0..30).flat_map(|_| store(&mut segments, &whole(&payload))).collect();
    let full = segments.bytes();
    assert!((3_000_000..3_600_000).contains(&full), "{full}");
    for chunk in &stored {
        segments.release(*chunk);
    }
    assert!(segments.bytes() <= Segments::SIZE_MAX * 2, "{}", segments.bytes());
    let again = store(&mut segments, &whole(b"again"));
    assert_eq!(written(&segments, again[0]), b"again");
}

#[test]
fn survivors_move_out_of_sparse_segments() {
    let mut segments = Segments::default();
    let numbered = |n: u32| n.to_le_bytes().repeat(1000);
    let stored: Vec<_> = (0..2000).map(|n| store(&mut segments, &whole(&numbered(n)))[0]).collect();
    let (mut survivors, mut gone) = (Vec::new(), Vec::new());
    for (n, chunk) in (0..).zip(stored) {
        if n % 50 == 0 { survivors.push((n, chunk)) } else { gone.push(chunk) }
    }
    gone.into_iter().for_each(|chunk| segments.release(chunk));
    let before = segments.bytes();
    assert!(segments.is_sparse());
    assert!(!segments.is_sparse(), "said once");
    for (_, chunk) in &mut survivors {
        *chunk = segments.settle(*chunk);
    }
    assert!(segments.bytes() < before / 2, "{before} → {}", segments.bytes());
    for (n, chunk) in survivors {
        assert_eq!(written(&segments, chunk), numbered(n));
    }
}
