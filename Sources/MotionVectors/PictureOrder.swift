import Storage

/// Puts pictures that arrive in display order back into decode order, where each may predict from those before it.
///
/// Pure state, no pictures of its own: `Element` is whatever travels with a packet number. Numbers that never arrive
/// (a lost picture, a packet without one) are given up as soon as no decoder can still deliver them.
struct DecodeOrder<Element> {
    /// A decoder holds back at most 16 pictures (H.264's largest picture buffer), so when more than that many later
    /// ones have come out, an earlier one never will.
    private let mostHeldBack = 16
    private var pending: [(number: Int, element: Element)] = []
    private var next = 0

    /// Takes a picture's place in decode order; a repeated number goes behind the one before.
    mutating func insert(_ element: Element, number: Int) {
        let index = pending.lastIndex { $0.number <= number }.map { $0 + 1 } ?? 0
        pending.insert((number, element), at: index)
    }

    /// The next picture in decode order, nil while an earlier one may still come.
    ///
    /// - Parameter isComplete: nothing will be inserted any more.
    mutating func pop(isComplete: Bool) -> Element? {
        guard let first = pending.first else { return nil }
        guard first.number <= next || pending.count > mostHeldBack || isComplete else { return nil }
        next = max(next, first.number + 1)
        return pending.removeFirst().element
    }
}

/// Gives elements out by rising index, whatever the order they come in.
struct DisplayOrder<Element> {
    private var pending: [Int: Element] = [:]
    private(set) var next = 0

    /// Takes the element of an index.
    mutating func insert(_ element: Element, at index: Int) { pending[index] = element }

    /// The element of the next index, nil while it has not come.
    mutating func pop() -> Element? {
        guard let element = pending.removeValue(forKey: next) else { return nil }
        next += 1
        return element
    }
}
