"""What the shop sells, in words: topics, kinds of goods, styles and makers. Data, and nothing else.

Order matters: the world is drawn by position, so a new line in the middle is a different shop for the
same seed.
"""

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["BRANDS", "COLOURS", "KINDS", "STYLES", "TOPICS", "Kind"]


class Kind(NamedTuple):
    """One kind of goods. ``goes_with`` names the categories people take along with it."""

    category: str
    topic: str
    noun: str
    price: float
    materials: tuple[str, ...]
    sizes: tuple[str, ...]
    goes_with: tuple[str, ...]


TOPICS = ("tea", "kitchen", "dining", "bath", "bedroom", "garden", "desk", "kids", "light", "pets")

STYLES = ("modern", "rustic", "playful", "classic")

COLOURS = {
    "modern": ("white", "black", "grey", "sand", "navy"),
    "rustic": ("brown", "olive", "cream", "rust", "natural"),
    "playful": ("blue", "yellow", "pink", "turquoise", "red"),
    "classic": ("ivory", "burgundy", "dark green", "gold", "silver"),
}

BRANDS = (
    "Alder & Finch",
    "Brightwater",
    "Casa Lume",
    "Dovetail Lane",
    "Elm Row",
    "Fernhill",
    "Little Otter",
    "Millstone Works",
    "Nordvik",
    "Rook & Daughter",
    "Studio Kamo",
    "Tamsin Hale",
)

# Under its topic: category | noun | usual price | materials | sizes | goes with
_KINDS = """
tea:
  mugs | mug | 9 | ceramic, enamel, stoneware | 250 ml, 350 ml, 450 ml | teapots, coasters, tea-tins
  teapots | teapot | 28 | ceramic, glass, cast-iron | 0.6 l, 1 l, 1.5 l | mugs, tea-tins, trays
  tea-tins | tea tin | 12 | steel, bamboo, enamel | 100 g, 250 g, 500 g | teapots, mugs
  coasters | coasters | 11 | cork, felt, slate | set of 2, set of 4, set of 6 | mugs, trays
kitchen:
  pans | frying pan | 39 | steel, cast-iron, copper | 20 cm, 24 cm, 28 cm | spatulas, aprons
  spatulas | spatula | 8 | beech, silicone, steel | small, medium, large | pans, mixing-bowls
  mixing-bowls | mixing bowl | 19 | ceramic, steel, melamine | 1 l, 2 l, 4 l | spatulas, aprons
  aprons | apron | 22 | linen, cotton, denim | small, medium, large | pans, mixing-bowls
dining:
  plates | dinner plate | 13 | porcelain, stoneware, bamboo | single, set of 2, set of 4 | bowls, napkins
  bowls | bowl | 11 | porcelain, stoneware, acacia | single, set of 2, set of 4 | plates, napkins
  napkins | napkins | 14 | linen, cotton, paper | set of 4, set of 8, set of 20 | plates, candles
  trays | serving tray | 24 | oak, bamboo, lacquered | small, medium, large | teapots, plates
bath:
  towels | bath towel | 21 | cotton, linen, bamboo | 50 cm, 70 cm, 100 cm | bath-mats, soap-dishes
  soap-dishes | soap dish | 9 | ceramic, teak, marble | small, medium, large | soaps, towels
  soaps | soap bar | 6 | olive-oil, lavender, oat | 80 g, 100 g, 3 × 100 g | soap-dishes, towels
  bath-mats | bath mat | 26 | cotton, teak, cork | small, medium, large | towels, soap-dishes
bedroom:
  cushions | cushion | 18 | velvet, linen, wool | 40 cm, 50 cm, 60 cm | throws, duvet-covers
  throws | throw | 42 | wool, cotton, mohair | small, medium, large | cushions, candles
  duvet-covers | duvet cover | 55 | linen, cotton, flannel | single, double, king | pillowcases, throws
  pillowcases | pillowcase | 16 | linen, cotton, silk | single, set of 2, set of 4 | duvet-covers, cushions
garden:
  planters | planter | 23 | terracotta, zinc, concrete | 12 cm, 18 cm, 25 cm | seeds, watering-cans, trowels
  watering-cans | watering can | 27 | zinc, enamel, copper | 1 l, 3 l, 5 l | planters, seeds
  seeds | seed collection | 7 | herb, wildflower, salad | 3 packs, 5 packs, 10 packs | planters, trowels
  trowels | hand trowel | 14 | ash, steel, copper | small, medium, large | planters, garden-gloves
  garden-gloves | garden gloves | 12 | cotton, leather, bamboo | small, medium, large | trowels, seeds
desk:
  notebooks | notebook | 11 | cloth, leather, recycled | A6, A5, A4 | pens, pencil-cases
  pens | pen | 15 | brass, aluminium, maple | single, set of 2, set of 4 | notebooks, pencil-cases
  pencil-cases | pencil case | 13 | canvas, leather, felt | small, medium, large | pens, notebooks
  desk-trays | desk tray | 25 | oak, steel, cork | A5, A4, A3 | pens, desk-lamps
kids:
  puzzles | puzzle | 16 | wooden, cardboard, felt | 24 parts, 60 parts, 100 parts | building-blocks, soft-toys
  building-blocks | building blocks | 29 | beech, bamboo, cork | small, medium, large | puzzles, toy-boxes
  soft-toys | soft toy | 19 | cotton, plush, wool | 15 cm, 25 cm, 40 cm | puzzles, night-lights
  toy-boxes | toy box | 37 | pine, canvas, wicker | small, medium, large | building-blocks, soft-toys
light:
  candles | candle | 14 | beeswax, soy, rapeseed | 20 h, 40 h, 60 h | lanterns, candle-holders
  candle-holders | candle holder | 17 | brass, glass, ceramic | single, set of 2, set of 4 | candles, lanterns
  lanterns | lantern | 33 | glass, iron, bamboo | 20 cm, 30 cm, 45 cm | candles, planters
  desk-lamps | desk lamp | 59 | steel, oak, brass | 30 cm, 40 cm, 50 cm | desk-trays, notebooks
  night-lights | night light | 24 | porcelain, silicone, birch | small, medium, large | soft-toys, candles
pets:
  pet-bowls | pet bowl | 15 | ceramic, steel, bamboo | 0.3 l, 0.7 l, 1.2 l | pet-beds, pet-toys
  pet-beds | pet bed | 49 | wool, cotton, wicker | small, medium, large | pet-toys, pet-bowls
  pet-toys | pet toy | 9 | rope, rubber, felt | small, medium, large | pet-bowls, leads
  leads | dog lead | 21 | leather, rope, nylon | 1 m, 1.5 m, 2 m | pet-toys, pet-bowls
"""


def _kinds(table: str) -> Iterator[Kind]:
    topic = ""
    for line in table.strip().splitlines():
        if line.endswith(":"):
            topic = line.removesuffix(":")
            continue
        category, noun, price, materials, sizes, goes_with = (part.strip() for part in line.split("|"))
        yield Kind(
            category=category,
            topic=topic,
            noun=noun,
            price=float(price),
            materials=tuple(materials.split(", ")),
            sizes=tuple(sizes.split(", ")),
            goes_with=tuple(goes_with.split(", ")),
        )


KINDS = tuple(_kinds(_KINDS))
