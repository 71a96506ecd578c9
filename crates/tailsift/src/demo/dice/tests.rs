use super::Dice;

#[test]
fn the_same_place_throws_the_same() {
    let throw = |seed, request, place| {
        let mut dice = Dice::new(seed, request, place);
        (dice.below(1_000_000), dice.below(1_000_000))
    };
    assert_eq!(throw(7, 3, "embeddings"), throw(7, 3, "embeddings"));
    assert_ne!(throw(7, 3, "embeddings"), throw(8, 3, "embeddings"));
    assert_ne!(throw(7, 3, "embeddings"), throw(7, 4, "embeddings"));
    assert_ne!(throw(7, 3, "embeddings"), throw(7, 3, "gateway"));
}

#[test]
fn a_chance_comes_as_often_as_it_says() {
    let hits = (0..20_000).filter(|request| Dice::new(1, *request, "x").chance(0.03)).count();
    assert!((450..750).contains(&hits), "expected about 600 of 20000, got {hits}");
}

#[test]
fn draws_stay_in_their_range() {
    let mut dice = Dice::new(5, 0, "range");
    let mut low_half = 0;
    for _ in 0..10_000 {
        assert!((5.0..40.0).contains(&dice.between(5.0, 40.0)));
        let skewed = dice.skewed(0.0, 1.0);
        assert!((0.0..1.0).contains(&skewed));
        low_half += usize::from(skewed < 0.5);
        assert!(dice.below(3) < 3);
    }
    assert_eq!(dice.below(0), 0);
    assert!((6_500..7_700).contains(&low_half), "expected about 7071 of 10000, got {low_half}");
}
