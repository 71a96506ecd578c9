//! Kafka: source, transactional sink, topics, embedded broker.
