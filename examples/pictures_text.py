"""What the pages of `make_pictures.py` say: of each place two paragraphs, written for this example."""

from __future__ import annotations

PLACES = {
    "the old mill": (
        "The mill stands where the stream leaves the wood. Its wheel has not turned for sixty years, but the roof was mended last "
        "summer, and since then the loft has been open to everybody who likes to draw. From the small window under the gable you "
        "see over the whole valley, and on clear days as far as the coast.",
        "We came four times in one week, always with the same paper and the same three colours, to find out how much of a place "
        "is its shape and how much is only its light. The drawings hang in the order in which they were made."
    ),
    "the ferry": (
        "Nobody stays below on the ferry when the weather is fine. There is a bench along the rail on the left side, and whoever "
        "sits there has the shore in front of them for the full hour that the crossing takes. The captain says that he has seen "
        "more sketchbooks than suitcases this year.",
        "It is harder than it looks: the boat turns twice, the wind takes the paper, and the line where water meets the sky is "
        "never quite where you left it. We kept the four that came out best."
    ),
    "the tower stairs": (
        "There are two hundred and twelve steps to the top of the tower, and a landing with a window after every fifty. "
        "Most people "
        "hurry past them. If you stop at each, however, the town changes from a street into a map, and the river that you never "
        "notice down there suddenly holds everything together.",
        "Bring something warm, because the stairs are cold even in August. The guard lets you sit as long as nobody has to climb "
        "over your legs, and he knows the name of every roof."
    ),
    "the night train": (
        "The train leaves at ten and arrives when the bakers open. In between it crosses three borders, and each of us "
        "had promised "
        "to stay awake for one of them. What we drew is half seen and half remembered, since the lamps in the carriage "
        "made mirrors "
        "of the windows until somebody found the switch.",
        "In the dining car we compared our pages. No two of us had the same mountain, although we had looked at it together for "
        "more than ten minutes."
    ),
    "a garden wall": (
        "A wall is a good seat if the stones are flat and the sun has been on them. Ours belongs to a school that is closed on "
        "Saturdays. Children have scratched their names into the mortar, and lizards live in the gaps, so that one has to look "
        "before putting down a bag or a hand.",
        "On the other side the land falls away quickly. That is why everything far off seems near from here, and why the colours "
        "are flatter than you would expect."
    ),
    "the lighthouse": (
        "The keeper retired when the lamp became automatic, but he still comes on Sundays to clean the glass. He showed us the log "
        "in which every ship was written down by hand for eighty years. Storms have their own pages, with drawings of waves in the "
        "margin that nobody had asked for.",
        "We followed his example. Four views, one for each side of the gallery, and as little detail as we could bear to leave in."
    ),
    "the bus stop": (
        "The last bus goes to a turning place above the village, waits there for eleven minutes, and comes back down. "
        "Eleven minutes "
        "are enough for a drawing if you decide beforehand what to leave out. We rode up four times, paid four times, and the "
        "driver began to suggest where we should sit.",
        "What surprised us was the silence after the engine stopped. You hear dogs, water and a radio from a house that you cannot "
        "see anywhere."
    ),
    "the roof of the library": (
        "Readers may go up to the roof if they leave their shoes at the door. The gravel has been replaced by wood, and there are "
        "pots with herbs for the canteen between the chairs. It is the only place in the centre of town where no car can be heard, "
        "and at lunch all chairs are taken.",
        "The librarian asked for one of the drawings for the hall. We gave her the one with the crooked horizon, which she "
        "preferred to the better ones."
    ),
    "the quarry": (
        "Stone was cut here until the year in which the railway closed. Now the pit is full of rain, birch trees grow on the "
        "terraces, and swallows nest in the holes that the drills have left. A path with a rope leads around it, and from its "
        "highest point the land opens to the south.",
        "Do not go alone and do not go after rain. If you keep to the path there is no danger, and there are blackberries along "
        "most of it in September."
    ),
    "an open window": (
        "The room is rented by the week, with a table, two chairs and a kettle. What one pays for is the window: it is as wide as "
        "the wall, and there is nothing in front of it that anybody could build on. The owner says that her guests never ask for "
        "a television.",
        "We drew without leaving our chairs. After some days we knew at which hour the light reaches the farthest ridge, and we "
        "stopped looking at the clock."
    ),
}  # fmt: skip
COPIES_SAY = (
    "Some of the landscapes from the drawing trips were sent around among friends, and not everybody kept them as they were.",
    "On this page are those that came back: some are smaller, some have lost a strip at the edge, and some were saved so often "
    "that the sky has steps.",
    "We keep them because it is amusing to lay them beside the originals and to guess what has been done to them.",
)
