use super::*;
use headgate_record::Field;

fn record(kind: Kind, n: u64) -> Record {
    let mut record = Record::new(kind);
    let field = if kind == Kind::Flow { Field::FlowPackets } else { Field::DeviceFrames };
    record.set(field, n).unwrap();
    record
}

fn push(queue: &mut Queue, record: &Record) {
    let (class, record) = encoded(record);
    queue.push(class, record);
}

#[test]
fn a_full_queue_gives_up_the_lowest_class_and_counts_it() {
    let mut queue = Queue { first: 1, ..Queue::default() };
    for n in 0..MAX_QUEUE as u64 {
        push(&mut queue, &record(Kind::Flow, n));
    }
    push(&mut queue, &record(Kind::Device, 1));
    assert_eq!((queue.dropped, queue.len()), ([1, 0, 0], MAX_QUEUE));
    assert_eq!(queue.waiting[0].front(), Some(&encoded(&record(Kind::Flow, 1)).1));
    let mut devices = Queue { first: 1, ..Queue::default() };
    for n in 0..MAX_QUEUE as u64 {
        push(&mut devices, &record(Kind::Device, n));
    }
    push(&mut devices, &record(Kind::Flow, 1));
    assert_eq!((devices.dropped, devices.waiting[0].len()), ([1, 0, 0], 0));
}

#[test]
fn what_is_not_committed_is_said_again_under_the_same_number() {
    let mut queue = Queue { first: 1, ..Queue::default() };
    for n in 0..5 {
        push(&mut queue, &record(Kind::Device, n));
    }
    let (first, records) = queue.next().unwrap();
    assert_eq!((first, records.len()), (1, 5));
    assert_eq!(queue.committed(3), Some(Answer::Progress));
    assert_eq!((queue.first, queue.sent.front()), (4, Some(&encoded(&record(Kind::Device, 3)).1)));
    assert_eq!(queue.committed(3), Some(Answer::Same));
    assert_eq!(queue.committed(6), None, "a number that was never given");
    assert_eq!(queue.committed(0), Some(Answer::Forgotten));
    assert_eq!(queue.committed(5), Some(Answer::Progress));
    assert_eq!((queue.octets, queue.in_flight.len()), (0, 0));
}

#[test]
fn a_hand_over_that_is_full_does_not_wait_for_the_answer_of_the_one_before() {
    let mut queue = Queue { first: 1, ..Queue::default() };
    let (count, most) = (u64::try_from(MAX_HANDOVER).unwrap(), u64::try_from(IN_FLIGHT).unwrap());
    for n in 0..(most + 1) * count + 5 {
        push(&mut queue, &record(Kind::Device, n));
    }
    for hand_over in 0..most {
        let (first, records) = queue.next().unwrap();
        assert_eq!((first, records.len()), (1 + hand_over * count, MAX_HANDOVER));
    }
    assert_eq!(queue.next(), None, "so many, and no more");
    // One answer may be for all.
    assert_eq!(queue.committed(most * count), Some(Answer::Progress));
    assert_eq!(queue.committed(most * count), Some(Answer::Same));
    assert_eq!(queue.next().map(|(first, _)| first), Some(1 + most * count));
    assert_eq!(queue.next(), None, "one that is not full waits");
    // Another connection begins with what was not committed.
    queue.in_flight.clear();
    assert_eq!(queue.next().map(|(first, _)| first), Some(1 + most * count));
    assert_eq!(queue.committed((most + 1) * count), Some(Answer::Progress));
    assert_eq!(
        queue.next().map(|(first, records)| (first, records.len())),
        Some((1 + (most + 1) * count, 5))
    );
}

/// Records of a neighbour that sends the longest texts once made a message that no store accepts.
#[test]
fn a_hand_over_fits_a_message_however_large_its_records_are() {
    let mut large = Record::new(Kind::Neighbor);
    let names: headgate_record::Value = (0..16).map(|n| format!("{n:0>500}")).collect();
    large.set(Field::NeighborVlanNames, names).unwrap();
    let mut queue = Queue { first: 1, ..Queue::default() };
    (0..MAX_HANDOVER).for_each(|_| push(&mut queue, &large));
    let (first, records) = queue.next().unwrap();
    let count = records.len();
    let message = message(first, &records).encode();
    assert!(count < MAX_HANDOVER && message.len() <= headgate_record::local::MAX_MESSAGE_BYTES);
}
