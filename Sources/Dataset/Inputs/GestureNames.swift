import Storage

/// What the actions of UTD-MHAD and the gestures of NATOPS are called, in the order of their numbers.
enum GestureNames {
    /// The 27 actions of UTD-MHAD: a short label, and the action as its authors describe it.
    static let mhad: [(label: String, caption: String)] = [
        ("swipe left", "right arm swipe to the left"),
        ("swipe right", "right arm swipe to the right"),
        ("wave", "right hand wave"),
        ("clap", "two hand front clap"),
        ("throw", "right arm throw"),
        ("arm cross", "cross arms in the chest"),
        ("basketball shoot", "basketball shoot"),
        ("draw x", "right hand draw x"),
        ("draw circle clockwise", "right hand draw circle (clockwise)"),
        ("draw circle counter clockwise", "right hand draw circle (counter clockwise)"),
        ("draw triangle", "draw triangle"),
        ("bowling", "bowling (right hand)"),
        ("boxing", "front boxing"),
        ("baseball swing", "baseball swing from right"),
        ("tennis swing", "tennis right hand forehand swing"),
        ("arm curl", "arm curl (two arms)"),
        ("tennis serve", "tennis serve"),
        ("push", "two hand push"),
        ("knock", "right hand knock on door"),
        ("catch", "right hand catch an object"),
        ("pickup and throw", "right hand pick up and throw"),
        ("jog", "jogging in place"),
        ("walk", "walking in place"),
        ("sit to stand", "sit to stand"),
        ("stand to sit", "stand to sit"),
        ("lunge", "forward lunge (left foot forward)"),
        ("squat", "squat (two arms stretch out)"),
    ]

    /// The 24 gestures of NATOPS.
    static let natops = [
        "I have command", "all clear", "not clear", "spread wings", "fold wings", "lock wings", "up hook", "down hook",
        "remove tiedowns", "remove chocks", "insert chocks", "move ahead", "turn left", "turn right", "next marshaller",
        "slow down", "stop", "nosegear steering", "hot brakes", "brakes on", "brakes off", "install tiedowns", "fire",
        "cut engine",
    ]
}
